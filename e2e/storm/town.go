package storm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/e2e"
	"loa/signer"
	"loa/speaker"
	"loa/unit"
	"loa/wire"
)

// Province is a town with thousands of devices: the town's own few complete
// agents in one commune, the others dealt over 150 more.
type Province struct {
	*e2e.Town
	World  string // the file its fleets read
	Second *e2e.Officer
	siren  wire.Media
	http   *http.Client
}

// settle puts n boxes into the town's database:
// rows as enrolment leaves them, each placement sealed by the town's signer with
// an officer's passkey.
func (p *Province) settle(n int) error {
	ctx := p.T.Context()
	if _, err := (&unit.Register{DB: p.DB}).Import(ctx, loa.System(), strings.NewReader(stage()), false); err != nil {
		return err
	}
	info, err := p.Signer().Describe(ctx)
	if err != nil {
		return err
	}
	w := World{Root: info.Root, Delegations: info.Delegations}
	var poles, boxes [][]any
	heads := map[loa.Path]bool{}
	now := time.Now().UnixMilli()
	for i := range n {
		c, place, err := card(i)
		if err != nil {
			return err
		}
		payload, err := wire.Encode(place)
		if err != nil {
			return err
		}
		if c.Placement, err = p.Signer().Seal(ctx, wire.PlacementType, payload, []wire.Approval{p.Author.Yes(payload)}); err != nil {
			return fmt.Errorf("place device %d: %w", i, err)
		}
		w.Cards = append(w.Cards, c)
		heads[place.Paths[0]] = true
		poles = append(poles, []any{place.Pole, place.Code, string(place.Paths[0]), place.Name, place.Cap, now})
		boxes = append(boxes, []any{c.ID, place.Pole, string(place.Paths[0]), place.Key, string(speaker.Placed), place.Version, c.Placement, now})
	}
	err = p.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Insert("pole", []string{"id", "code", "path", "name", "cap", "created_at"}, poles); err != nil {
			return err
		}
		if err := tx.Insert("box", []string{"id", "pole_id", "path", "public_key", "state", "version", "placement", "made_at"}, boxes); err != nil {
			return err
		}
		for c := range heads {
			if _, err := speaker.WriteBeacon(tx, p.Flow().Keys, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.World, err = w.Write(p.Dir)
	return err
}

// start brings up a province: a node that can warn, the complete agents that o
// asks for and n other devices; over TLS if there is a certificate.
func start(t testing.TB, o e2e.Options, n int, cert string) *Province {
	t.Helper()
	o.Program = os.Args[0]
	o.Env = append(o.Env, role+"=node", "LOA_BEAT_FLUSH=5s", "LOA_DEVICES="+strconv.Itoa(n+o.Agents+100))
	p := &Province{Town: e2e.Start(t, o), http: &http.Client{Timeout: time.Minute}}
	if cert != "" { // nobody opens pages there
		p.http = trusting(t, cert)
	} else {
		p.Author.At(p.Servers[0])
		p.Leader.At(p.Servers[0])
	}
	p.Second = p.Officer("second", "Lò Thị Pành", province, []loa.Right{loa.RightApprove, loa.RightRead}, signer.DutyApprove)
	began := time.Now()
	if err := p.settle(n); err != nil {
		t.Fatal(err)
	}
	if err := p.makeSiren(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d devices placed in %.1f s, %d complete agents beside them", n, time.Since(began).Seconds(), o.Agents)
	return p
}

// door is the address of the first server's, "host:port".
func (p *Province) door() string {
	_, addr, _ := strings.Cut(p.Servers[0].MQTT, "://")
	return addr
}

// sirenSeconds is short, so that many can follow each other.
const sirenSeconds = "1.5"

func (p *Province) makeSiren() error {
	cmd := exec.CommandContext(p.T.Context(), "ffmpeg", "-hide_banner", "-f", "lavfi", "-i", "sine=frequency=880:duration="+sirenSeconds,
		"-ac", "1", "-ar", "32000", "-b:a", "64k", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0", "-map_metadata", "-1", "-f", "mp3", "-")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	mp3, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("make siren: %w: %s", err, complaint.String())
	}
	hash, err := (&db.Blobs{Dir: p.Config.Blobs}).Put(p.T.Context(), mp3)
	p.siren = wire.Media{Hash: hash, Bytes: int64(len(mp3)), MS: int64(len(mp3) / wire.FrameBytes * 36), Form: wire.CanonicalForm}
	return err
}

// warn has two people approve an emergency for the whole province and posts the
// second yes. It answers when that was, and what the node did when.
func (p *Province) warn() (posted time.Time, done warned, err error) {
	now := time.Now()
	w := wire.Warrant{V: wire.Version, Kind: "play", ID: loa.NewID(now), Class: wire.Emergency, Issuer: province, Author: p.Leader.ID,
		Title: "Khẩn cấp: nước sông lên nhanh, bà con rời bãi sông ngay", Scope: []wire.Place{{Path: province}},
		From: now.UnixMilli(), Until: now.Add(20 * time.Second).UnixMilli(), Media: []wire.Media{p.siren}, PlaysDay: 1, Plays: 1, Cap: 100,
		Event: loa.NewID(now), Now: true, Speech: "recorded", Approval: "passkey"}
	err = p.DB.Write(p.T.Context(), func(tx *db.Tx) (err error) {
		w.Seq, err = speaker.NextNow(tx, province)
		return err
	})
	if err != nil {
		return posted, done, err
	}
	payload, err := wire.Encode(w)
	if err != nil {
		return posted, done, err
	}
	body, err := json.Marshal(warning{payload, []wire.Approval{p.Leader.Yes(payload), p.Second.Yes(payload)}})
	if err != nil {
		return posted, done, err
	}
	ctx, cancel := context.WithTimeout(p.T.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Servers[0].URL+"/storm/warning", bytes.NewReader(body))
	if err != nil {
		return posted, done, err
	}
	posted = time.Now()
	resp, err := p.http.Do(req)
	if err != nil {
		return posted, done, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(string(said))
	}
	if err != nil {
		return posted, done, err
	}
	return posted, done, json.Unmarshal(said, &done)
}

// trusting is a client of pages that believes the certificate.
func trusting(t testing.TB, cert string) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	b, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(b)
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}
}
