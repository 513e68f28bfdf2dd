package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/e2e"
	"loa/node"
	"loa/seal"
	"loa/signer"
	"loa/speaker"
	"loa/wire"
)

// TestRootCeremony puts another root in the place of a running province's, by the
// commands of docs/operate.md: three holders' keys of which two seal, the old root's
// holder, the signer. Nobody touches a speaker. One that was on follows; one whose
// power was cut before follows when it comes back; one whose code was made under the
// old root enrols. A key that the new root takes over for a while sounds until then
// and not after. Signer and server are killed in between.
func TestRootCeremony(t *testing.T) {
	town := e2e.Start(t, e2e.Options{Agents: 2})
	author, leader := town.Author.At(town.Servers[0]), town.Leader.At(town.Servers[0])
	first, err := node.LoadRoot(town.Config.Keys)
	must(t, err)
	file, err := os.ReadFile(town.RootKey())
	must(t, err)
	rootKey, _, err := signer.OpenRoot(file, nil)
	must(t, err)

	plays := func(title string, on int) wire.Warrant {
		id, err := author.Write(title, "Xin mời bà con ra nhà văn hóa.")
		must(t, err)
		must(t, leader.Approve(id))
		must(t, leader.PlayNow(id))
		town.Eventually(title, 40*time.Second, func() bool { return results(town.Log(id), wire.Played) == on })
		b, err := town.Flow().Find(t.Context(), author.Actor(), id)
		must(t, err)
		w, err := wire.ReadWarrant(b.Payload)
		must(t, err)
		return w
	}
	spoken := plays("Dưới gốc cũ", 2)

	// A second authority of the province: the holder of the old root lets a key seal.
	other, err := seal.NewKey()
	must(t, err)
	reg := &speaker.Register{DB: town.DB, Root: first}
	held, given, err := reg.Given(t.Context())
	must(t, err)
	now := time.Now().UnixMilli()
	paper, err := signer.NewSuccession(held, nil, append(given, seal.Delegation{Kind: "delegation", Role: seal.Authority,
		Keys: []string{seal.EncodePublic(other.Public)}, Threshold: 1, Paths: []loa.Path{"vn/98"}, Classes: wire.Classes(),
		From: now - 60_000, Until: now + 24*3_600_000}))
	must(t, err)
	_, err = paper.SealToo(rootKey)
	must(t, err)
	sealed, err := json.Marshal(paper)
	must(t, err)
	must(t, town.Signer().Succeed(t.Context(), sealed))
	told := func() wire.Beacon {
		b, err := reg.Beacon(t.Context(), e2e.Commune)
		must(t, err)
		c, err := wire.PeekBeacon(b)
		must(t, err)
		return c
	}
	knows := func(fingerprint string, keys int) func() bool {
		return func() bool { c := told(); return c.Root == fingerprint && len(c.Trust) == keys }
	}
	before := len(told().Trust)
	town.Eventually("the beacon to name the second authority", 20*time.Second, knows("", before+1))
	says := func() (hash string) {
		w := wire.Warrant{V: wire.Version, Kind: wire.Play, ID: loa.NewID(time.Now()), Class: wire.Emergency, Issuer: "vn/98", Author: author.ID,
			Title: "Thử", Scope: []wire.Place{{Path: e2e.Commune}}, From: time.Now().UnixMilli(), Until: time.Now().Add(time.Minute).UnixMilli(),
			Media: spoken.Media, PlaysDay: 1, Plays: 1, Cap: 50, Now: true, Approval: "passkey", Speech: "synthetic"}
		keys, err := node.LoadKeys(town.Config.Keys)
		must(t, err)
		must(t, town.DB.Write(t.Context(), func(tx *db.Tx) error {
			if w.Seq, err = speaker.NextNow(tx, w.Issuer); err != nil {
				return err
			}
			if err := w.Check(); err != nil {
				return err
			}
			payload, err := wire.Encode(w)
			if err != nil {
				return err
			}
			b, err := seal.Seal(wire.WarrantType, payload, other)
			if err != nil {
				return err
			}
			hash = loa.Hash(b)
			_, err = speaker.HoldNow(tx, keys, w, b)
			return err
		}))
		return hash
	}
	became := func(what, hash string, want wire.Result, why string, on int) {
		t.Helper()
		town.Eventually(what, 30*time.Second, func() bool {
			n := 0
			log, err := town.Flow().Log(t.Context(), town.Leader.Actor(), bulletin.LogQuery{Place: "vn/98", Limit: 1000})
			must(t, err)
			for _, l := range log {
				if l.Warrant == hash && l.Result == want && l.Why == why {
					n++
				}
			}
			return n == on
		})
	}
	became("the second authority sounds under the old root", says(), wire.Played, "", 2)

	// The power of one speaker is cut, and a code is made for a third.
	town.Agents[1].Stop()
	pole, err := town.Register().AddPole(t.Context(), author.Actor(), speaker.Pole{Code: "DS-CU", Path: e2e.Commune + "/h/thon-1", Name: "Cột mã cũ", Cap: 80})
	must(t, err)
	code, err := town.Register().NewCode(t.Context(), author.Actor(), pole.ID)
	must(t, err)

	// The ceremony.
	in := func(name string) string { return filepath.Join(town.Dir, name) }
	loaDoes := func(env string, args ...string) string {
		t.Helper()
		out, err := town.Loa([]string{"LOA_ROOT_PASSPHRASE=" + env}, args...)
		if err != nil {
			t.Fatalf("loa %v: %v\n%s", args, err, out)
		}
		return out
	}
	refused := func(key, env string, args ...string) {
		t.Helper()
		if out, err := town.Loa([]string{"LOA_ROOT_PASSPHRASE=" + env}, args...); err == nil || !strings.Contains(out, key) {
			t.Errorf("loa %v: %v, want %s\n%s", args, err, key, out)
		}
	}
	var keys []string
	for _, who := range []string{"an", "binh", "cuc"} {
		keys = append(keys, strings.TrimSpace(loaDoes("mật khẩu của "+who, "root", "key", "-o", in(who+".key"), "-name", who)))
	}
	refused("root.no_such_key", "", "root", "draft", "-keys", keys[0], "-threshold", "1", "-end", "0123", "-o", in("wrong"))
	const overlap = 45 * time.Second
	drafted := time.Now()
	loaDoes("", "root", "draft", "-keys", strings.Join(keys, ","), "-threshold", "2", "-name", "Lam Xuyên 2", "-end", other.ID,
		"-overlap", overlap.String(), "-o", in("1"))
	refused("seal.signatures", "", "root", "take", in("1"))
	loaDoes("", "root", "seal", "-key", town.RootKey(), "-o", in("2"), in("1"))
	loaDoes("mật khẩu của an", "root", "seal", "-key", in("an.key"), "-o", in("3"), in("2"))
	refused("seal.unknown_key", "", "root", "take", in("3")) // one of two
	refused("key.wrong_passphrase", "sai", "root", "seal", "-key", in("cuc.key"), "-o", in("4"), in("3"))
	if out := loaDoes("mật khẩu của cuc", "root", "seal", "-key", in("cuc.key"), "-o", in("4"), in("3")); !strings.Contains(out, "sealed by enough") {
		t.Error(out)
	}
	refused("root.not_asked", "mật khẩu của binh", "root", "seal", "-key", in("binh.key"), "-o", in("5"), in("4"))
	loaDoes("", "root", "take", in("4"))
	loaDoes("", "root", "take", in("4")) // pressed twice

	// The server learns of it by itself; the speaker that is on follows it.
	b, err := os.ReadFile(in("4"))
	must(t, err)
	done, err := signer.ReadSuccession(b)
	must(t, err)
	next, err := done.To()
	must(t, err)
	town.Eventually("beacons to name the new root", 20*time.Second, knows(next.Fingerprint(), before+1))
	became("the second authority sounds until its overlap is over", says(), wire.Played, "", 1)

	// A power cut of server and signer: both come back under the new root.
	town.Servers[0].Kill()
	town.Servers[0].Up()
	town.Agents[1].Start()
	town.PutUp(code)
	town.AddAgents(0)
	plays("Dưới gốc mới", 3)
	if answer := fetched(t, town.Servers[0].URL+"/device/v1/root/"+first.Fingerprint()); len(answer) != 1 {
		t.Errorf("%d rotations follow the first root", len(answer))
	}
	if answer := fetched(t, town.Servers[0].URL+"/device/v1/root/"+next.Fingerprint()); len(answer) != 0 {
		t.Errorf("%d rotations follow the root that holds", len(answer))
	}

	// Another paper that follows the old root comes too late, whoever sealed it.
	thief, err := seal.NewKey()
	must(t, err)
	usurped := seal.Root{Name: "kẻ khác", Keys: []string{seal.EncodePublic(thief.Public)}, Threshold: 1, Demo: true}
	fork, err := signer.NewSuccession(first, &usurped, given)
	must(t, err)
	for _, k := range []seal.Key{rootKey, thief} {
		_, err = fork.SealToo(k)
		must(t, err)
	}
	sealed, err = json.Marshal(fork)
	must(t, err)
	if err := town.Signer().Succeed(t.Context(), sealed); loa.KeyOf(err) != "root.not_next" {
		t.Errorf("a fork: %v", err)
	}

	// The overlap is over: what the old authority seals is silent everywhere.
	town.Eventually("the overlap to end", overlap+time.Minute, func() bool { return time.Since(drafted) > overlap && len(told().Trust) == before })
	became("the second authority is over", says(), wire.Refused, "seal.unknown_key", 3)
	if v := verbs(t, town, next.Fingerprint()); len(v) != 1 || v[0] != "root.rotated" {
		t.Errorf("the journal says %v", v)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func results(log []bulletin.Playback, want wire.Result) (n int) {
	for _, l := range log {
		if l.Result == want {
			n++
		}
	}
	return n
}

func fetched(t *testing.T, url string) (roots [][]byte) {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	var answer struct {
		Roots [][]byte `json:"roots"`
	}
	must(t, json.Unmarshal(b, &answer))
	return answer.Roots
}
