package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"loa"
	"loa/door"
	"loa/edge"
	"loa/seal"
	"loa/wire"
)

// probe is a node of one pole, in memory, that seals what it says with keys of
// its own under an invented root: a box cannot tell it from another node.
type probe struct {
	root      seal.Root
	authority seal.Key
	dispatch  seal.Key
	beaconKey seal.Key
	stranger  seal.Key
	trust     *seal.Trust
	door      *door.Door
	code      string

	mu          sync.Mutex
	delegations [][]byte
	docs        map[string][]byte
	media       map[string][]byte
	beacon      wire.Beacon
	slots       []wire.Slot
	mutes       []wire.Mute
	pub         ed25519.PublicKey
	device      string
	placement   []byte
	seq         int64
	through     int64
	lines       []wire.Line
	deaf        int // receipts that are not acknowledged yet
	nonces      map[string]bool
	pulled      int
	here        bool
	beats       []wire.Beat
}

const (
	probeCommune = loa.Path("vn/97/97001")
	probePole    = "KIEM-01"
)

func probeMillis() int64 { return time.Now().UnixMilli() }

func newProbe(ctx context.Context, host string) (*probe, error) {
	p := &probe{docs: map[string][]byte{}, media: map[string][]byte{}, nonces: map[string]bool{}, code: "ABCD2345"}
	var rootKey seal.Key
	for _, k := range []*seal.Key{&rootKey, &p.authority, &p.dispatch, &p.beaconKey, &p.stranger} {
		var err error
		if *k, err = seal.NewKey(); err != nil {
			return nil, err
		}
	}
	p.root = seal.Root{Name: "loa device check", Keys: []string{seal.EncodePublic(rootKey.Public)}, Threshold: 1, Demo: true}
	p.code += "." + p.root.Fingerprint()[:16]
	now := probeMillis()
	for _, of := range []struct {
		role seal.Role
		key  seal.Key
	}{{seal.Authority, p.authority}, {seal.Dispatch, p.dispatch}, {seal.Beacon, p.beaconKey}} {
		b, err := sealDoc(seal.DelegationType, seal.Delegation{Kind: "delegation", Role: of.role, Keys: []string{seal.EncodePublic(of.key.Public)},
			Threshold: 1, Paths: []loa.Path{probeCommune}, Classes: wire.Classes(), From: now - 3_600_000, Until: now + 86_400_000}, rootKey)
		if err != nil {
			return nil, err
		}
		p.delegations = append(p.delegations, b)
		p.docs[loa.Hash(b)] = b
		p.beacon.Trust = append(p.beacon.Trust, loa.Hash(b))
	}
	var err error
	if p.trust, err = seal.NewTrust(p.root, p.delegations, 0); err != nil {
		return nil, err
	}
	p.beacon.Kind, p.beacon.Path, p.beacon.Now, p.beacon.Placements, p.beacon.Number = "beacon", probeCommune, []string{}, 1, now
	p.policy(0, 1440)
	p.plan()
	p.door, err = door.Open(ctx, door.Config{Addr: net.JoinHostPort(host, "0"), Clock: loa.WallClock{}, Log: slog.New(slog.DiscardHandler),
		Trust: func() *seal.Trust { return p.trust },
		OnPresence: func(_ string, in bool) {
			p.with(func() { p.here = p.here || in })
		},
		OnBeat: func(b wire.Beat) { p.with(func() { p.beats = append(p.beats, b) }) }})
	return p, err
}

func sealDoc(kind string, doc any, k seal.Key) ([]byte, error) {
	b, err := wire.Encode(doc)
	if err != nil {
		return nil, err
	}
	return seal.Seal(kind, b, k)
}

func (p *probe) with(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// put seals a document and offers it under its hash. A document of ours that
// cannot be sealed is a mistake of this program.
func (p *probe) put(kind string, doc any, k seal.Key) string {
	b, err := sealDoc(kind, doc, k)
	if err != nil {
		panic(err)
	}
	p.docs[loa.Hash(b)] = b
	return loa.Hash(b)
}

// The methods below change what the node says; the caller holds the lock.

func (p *probe) policy(from, until int) {
	p.beacon.Policies = []string{p.put(wire.PolicyType, wire.Policy{Kind: "policy", Path: probeCommune, Version: probeMillis(), Volume: 80,
		From: 1, Until: probeMillis() + 86_400_000, Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: from, Until: until}}}, p.authority)}
	p.beacon.Number++
}

func (p *probe) plan() {
	now := probeMillis()
	p.beacon.PlanVersion = max(now, p.beacon.PlanVersion+1)
	slots := p.slots
	if slots == nil {
		slots = []wire.Slot{}
	}
	p.beacon.Plan = p.put(wire.PlanType, wire.Plan{Kind: "plan", Path: probeCommune, Version: p.beacon.PlanVersion, Made: now, Until: now + 86_400_000,
		Slots: slots, Mutes: p.mutes}, p.dispatch)
	p.beacon.Number++
}

func (p *probe) place(version int64, revoked bool) {
	b, err := sealDoc(wire.PlacementType, wire.Placement{Kind: "placement", Device: p.device, Pole: loa.NewID(time.Now()), Code: probePole, Name: "loa device check",
		Key: seal.EncodePublic(p.pub), Version: version, Paths: []loa.Path{probeCommune + "/h/kiem"}, Cap: 90, Revoked: revoked}, p.authority)
	if err != nil {
		panic(err)
	}
	p.placement = b
	p.beacon.Placements++
	p.beacon.Number++
}

// warrant is a bulletin of so many seconds of silence in the canonical form; a
// box judges its frames, nobody has to hear them.
func (p *probe) warrant(seconds int, change func(*wire.Warrant)) wire.Warrant {
	frame := make([]byte, wire.FrameBytes)
	copy(frame, "\xff\xfb\x58\xc4")
	var b []byte
	for range seconds * 1000 / 36 {
		b = append(b, frame...)
	}
	p.media[loa.Hash(b)] = b
	now := probeMillis()
	w := wire.Warrant{Kind: wire.Play, ID: loa.NewID(time.Now()), Class: wire.Normal, Issuer: probeCommune, Author: "check", Title: "loa device check",
		Scope: []wire.Place{{Path: probeCommune}}, From: now - 60_000, Until: now + 3_600_000, PlaysDay: 5, Plays: 5, Cap: 70,
		Speech: "synthetic", Approval: "passkey",
		Media: []wire.Media{{Hash: loa.Hash(b), Bytes: int64(len(b)), MS: int64(len(b) / wire.FrameBytes * 36), Form: wire.CanonicalForm}}}
	if change != nil {
		change(&w)
	}
	return w
}

// urgent is an emergency with the next number.
func (p *probe) urgent(seconds int, change func(*wire.Warrant)) wire.Warrant {
	p.seq++
	return p.warrant(seconds, func(w *wire.Warrant) {
		w.Class, w.Now, w.Seq = wire.Emergency, true, p.seq
		if change != nil {
			change(w)
		}
	})
}

// now seals a now warrant, names it in the beacon and pushes it.
func (p *probe) now(w wire.Warrant, k seal.Key) string {
	h := p.put(wire.WarrantType, w, k)
	p.beacon.Now = append(p.beacon.Now, h)
	p.beacon.Number++
	return h
}

// ring pushes what is on the topics: a now warrant if there is one, the beacon.
func (p *probe) ring(hash string) {
	var doc, beacon []byte
	p.with(func() { doc, beacon = p.docs[hash], p.sealedBeacon() })
	if doc != nil {
		_ = p.door.Publish(wire.NowTopic(probeCommune), doc) // nobody listens: the beacon names it
	}
	_ = p.door.Publish(wire.BeaconTopic(probeCommune), beacon) // nobody listens: it is pulled
}

func (p *probe) sealedBeacon() []byte {
	p.beacon.Time = probeMillis()
	b, err := sealDoc(wire.BeaconType, p.beacon, p.beaconKey)
	if err != nil {
		panic(err)
	}
	return b
}

func (p *probe) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, b []byte) { _, _ = w.Write(b) } // the box went away
	as := func(w http.ResponseWriter, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		answer(w, b)
	}
	refuse := func(w http.ResponseWriter, status int, code, key string) {
		w.WriteHeader(status)
		as(w, map[string]any{"error": map[string]string{"code": code, "key": key, "message": key}})
	}
	find := func(in map[string][]byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, ok := in[r.PathValue("hash")]
			if !ok {
				refuse(w, http.StatusNotFound, "not_found", "document.unknown")
				return
			}
			answer(w, b)
		}
	}
	mux.HandleFunc("POST /device/v1/enrol", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Code, Key, Sig string }
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, seal.MaxDocument)).Decode(&q)
		pub, keyErr := seal.DecodePublic(q.Key)
		sig, sigErr := base64.StdEncoding.DecodeString(q.Sig)
		if err != nil || keyErr != nil || sigErr != nil || q.Code != p.code[:8] ||
			!ed25519.Verify(pub, []byte("loa enrol v0\n"+q.Code+"\n"+q.Key), sig) || p.pub != nil && !p.pub.Equal(pub) {
			refuse(w, http.StatusForbidden, "forbidden", "enrol.code_unknown")
			return
		}
		if p.pub == nil {
			p.pub, p.device = pub, loa.NewID(time.Now())
			p.place(1, false)
		}
		as(w, map[string]any{"device": p.device, "root": p.root, "check": edge.CheckDigits(pub)})
	})
	mux.HandleFunc("GET /device/v1/enrol/{device}", func(w http.ResponseWriter, r *http.Request) {
		if p.device == "" || r.PathValue("device") != p.device {
			refuse(w, http.StatusNotFound, "not_found", "box.unknown")
			return
		}
		proof, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Loa "))
		if err != nil || !ed25519.Verify(p.pub, []byte("loa placement v0\n"+p.device), proof) {
			refuse(w, http.StatusForbidden, "forbidden", "enrol.not_your_key")
			return
		}
		answer(w, p.placement)
	})
	mux.HandleFunc("GET /device/v1/placement/{device}", func(w http.ResponseWriter, r *http.Request) {
		token, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Loa "))
		if err == nil {
			_, err = wire.OpenToken(token, probeMillis(), p.key)
		}
		if err != nil || r.PathValue("device") != p.device {
			refuse(w, http.StatusForbidden, "forbidden", "token.missing")
			return
		}
		answer(w, p.placement)
	})
	mux.HandleFunc("GET /device/v1/trust/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		as(w, map[string]any{"delegations": p.delegations})
	})
	mux.HandleFunc("GET /device/v1/root/{fingerprint}", func(w http.ResponseWriter, _ *http.Request) { as(w, map[string]any{"roots": []string{}}) })
	mux.HandleFunc("GET /device/v1/doors", func(w http.ResponseWriter, r *http.Request) {
		// The door listens where the pages do, and the box knows best how to get there.
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host // it called without a port
		}
		_, port, err := net.SplitHostPort(p.door.Addr())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		as(w, map[string]any{"mqtt": []string{"tcp://" + net.JoinHostPort(host, port)}})
	})
	mux.HandleFunc("POST /device/v1/time", func(w http.ResponseWriter, r *http.Request) {
		received := time.Now().UnixMicro()
		var q struct{ Nonce string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, seal.MaxDocument)).Decode(&q); err != nil || len(q.Nonce) < 16 || len(q.Nonce) > 64 {
			refuse(w, http.StatusUnprocessableEntity, "invalid", "time.malformed")
			return
		}
		p.nonces[q.Nonce] = true
		b, err := sealDoc(wire.TimeType, wire.Time{Kind: "time", Nonce: q.Nonce, Received: received, Sent: time.Now().UnixMicro()}, p.beaconKey)
		if err != nil {
			panic(err)
		}
		answer(w, b)
	})
	mux.HandleFunc("GET /device/v1/beacon/{path...}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("path") != string(probeCommune) {
			refuse(w, http.StatusNotFound, "not_found", "unit.unknown")
			return
		}
		p.pulled++
		answer(w, p.sealedBeacon())
	})
	mux.HandleFunc("GET /device/v1/doc/{hash}", find(p.docs))
	mux.HandleFunc("GET /device/v1/media/{hash}", find(p.media))
	mux.HandleFunc("POST /device/v1/receipts", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(seal.MaxEnvelope(wire.MaxReceipt))))
		var rec wire.Receipt
		if err == nil {
			rec, err = wire.OpenReceipt(b, p.key)
		}
		if err != nil {
			refuse(w, http.StatusUnprocessableEntity, "invalid", loa.KeyOf(err))
			return
		}
		if p.deaf > 0 { // it was lost on its way: the box says it again
			p.deaf--
			refuse(w, http.StatusServiceUnavailable, "unavailable", "node.unreachable")
			return
		}
		for _, l := range rec.Lines {
			if l.N == p.through+1 {
				p.through++
				p.lines = append(p.lines, l)
			}
		}
		as(w, wire.Ack{Through: p.through})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func (p *probe) key(device string) (ed25519.PublicKey, error) {
	if device != p.device {
		return nil, loa.Errorf(loa.NotFound, "box.unknown")
	}
	return p.pub, nil
}
