package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// The stage of all tests: two communes of the invented province 97 on the
// morning of Monday 2 March 2026.
const (
	province loa.Path = "vn/97"
	here     loa.Path = "vn/97/97001"
	sibling  loa.Path = "vn/97/97002"
	minute            = int64(60_000)
	hour              = 60 * minute
	day               = 24 * hour
)

func today() int64 { return time.Date(2026, 3, 2, 0, 0, 0, 0, loa.Zone()).UnixMilli() }

// id is a fixed id that ends with what it is of.
func id(of string) string { return (strings.Repeat("0", 26) + of)[len(of):] }

func hash(of string) string { return loa.Hash([]byte(of)) }

// key makes the same key for the same name.
func key(name string) seal.Key {
	seed := sha256.Sum256([]byte("loa vector key " + name))
	k, err := seal.KeyFromSeed(seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func text(name string) string { return seal.EncodePublic(key(name).Public) }

func play() wire.Warrant {
	return wire.Warrant{
		Kind: "play", ID: id("p1"), Class: wire.Normal, Issuer: here, Author: id("an"), Title: "Lịch tiêm chủng tháng 3",
		Scope: []wire.Place{{Path: here}}, From: today(), Until: today() + 7*day,
		Media:    []wire.Media{{Hash: hash("sound"), Bytes: 288 * 1000, MS: 36_000, Form: wire.CanonicalForm}},
		PlaysDay: 2, Plays: 6, Cap: 80, Speech: "synthetic", Approval: "passkey",
	}
}

func siren() wire.Warrant {
	w := play()
	w.ID, w.Class, w.Title, w.Now, w.Seq, w.Cap, w.Speech = id("e1"), wire.Emergency, "Nước lên nhanh", true, 41, 100, "recorded"
	w.Until = today() + 30*minute + 8*hour
	return w
}

func halt() wire.Warrant {
	w := siren()
	w.Kind, w.ID, w.Seq, w.Title = "stop", id("s1"), 42, "Dừng phát"
	w.Media, w.Plays, w.PlaysDay, w.Cap, w.Speech = nil, 0, 0, 0, ""
	w.Stops = []string{hash("warrant")}
	return w
}

func plan() wire.Plan {
	return wire.Plan{
		Kind: "plan", Path: here, Version: 7, Made: today(), Until: today() + 3*day,
		Slots: []wire.Slot{
			{ID: id("s1"), Warrant: hash("warrant"), Start: today() + 6*hour},
			{ID: id("s2"), Warrant: hash("warrant"), Start: today() + 18*hour, Scope: []loa.Path{here + "/h/dong"}, Repeat: 1},
		},
	}
}

func beacon() wire.Beacon {
	return wire.Beacon{
		Kind: "beacon", Path: here, Number: 900, Time: today() + 8*hour, Plan: hash("plan"), PlanVersion: 7,
		Now: []string{hash("warrant")}, Policies: []string{hash("policy")}, Trust: []string{hash("delegation")},
		Placements: 3, Epoch: 1, Mark: 41,
	}
}

func placement() wire.Placement {
	return wire.Placement{
		Kind: "placement", Device: id("d1"), Pole: id("p9"), Code: "HA-01", Name: "Cột đầu thôn Đông", Key: text("device"),
		Version: 1, Paths: []loa.Path{here + "/h/dong", here + "/z/song"}, At: &wire.Point{Lat: 20_950_000, Lon: 105_750_000}, Cap: 90,
	}
}

func everyDay(from, until int) wire.Hours {
	return wire.Hours{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: from, Until: until}
}

func policy() wire.Policy {
	return wire.Policy{
		Kind: "policy", Path: province, Version: 4, Volume: 85, From: today() - 30*day, Until: today() + 365*day,
		Hours: []wire.Hours{everyDay(300, 420), everyDay(1020, 1110)},
	}
}

func clockTime() wire.Time {
	at := (today() + 8*hour) * 1000
	return wire.Time{Kind: "time", Nonce: id("n0nce"), Received: at, Sent: at + 150}
}

func receipt() wire.Receipt {
	return wire.Receipt{
		Kind: "receipt", Device: id("d1"), At: today() + 7*hour,
		Lines: []wire.Line{
			{N: 11, Slot: id("s1"), Warrant: hash("warrant"), Planned: today() + 6*hour, Started: today() + 6*hour, MS: 36_000,
				SkewUS: -900, Volume: 80, Result: wire.Played, Clock: wire.ClockTrusted, Verified: true},
			{N: 12, Slot: id("s2"), Warrant: hash("warrant"), Planned: today() + 6*hour, Result: wire.Refused, Why: "policy.hours",
				Clock: wire.ClockDegraded},
		},
	}
}

func token() wire.Token {
	return wire.Token{Kind: "token", Device: id("d1"), At: today() + 8*hour, Nonce: id("n0nce")}
}

func beat() wire.Beat {
	return wire.Beat{
		Kind: "beat", Device: id("d1"), At: today() + 6*hour, State: "sounding", Slot: id("s1"), Warrant: hash("warrant"),
		Volume: 80, DiskFree: 1 << 30, OffsetUS: -1200, Clock: wire.ClockTrusted, Plan: 7, Version: "v0.1.0", Uptime: 86_400,
	}
}

func release() wire.Release {
	return wire.Release{
		Kind: "release", Product: "loa-speaker", Number: 12, Text: "0.2.0", Replaces: 3, From: today(), Until: today() + 90*day,
		Builds: []wire.Build{
			{System: "linux/amd64", Hash: hash("amd64"), Bytes: 9_100_000},
			{System: "linux/arm64", Hash: hash("arm64"), Bytes: 8_700_000},
			{System: "linux/armv7", Hash: hash("armv7"), Bytes: 8_900_000},
		},
	}
}

func encode(t testing.TB, doc any) []byte {
	t.Helper()
	b, err := wire.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealed(t testing.TB, as string, payload []byte, by ...seal.Key) []byte {
	t.Helper()
	b, err := seal.Seal(as, payload, by...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verdict is "ok" or the sentence's key.
func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	return loa.KeyOf(err)
}

// golden runs every case of a file: a name after "# ", JSON, a line of dashes,
// the decision; cases are parted by a line of equals signs.
func golden(t *testing.T, file string, decide func(in []byte) (string, error)) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for c := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n==========\n") {
		head, rest, ok1 := strings.Cut(c, "\n")
		in, want, ok2 := strings.Cut(rest, "\n----------\n")
		name, ok3 := strings.CutPrefix(head, "# ")
		if !ok1 || !ok2 || !ok3 || names[name] {
			t.Fatalf("%s: not a case, or one with a name that was used: %s", file, c)
		}
		names[name] = true
		t.Run(name, func(t *testing.T) {
			got, err := decide([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s\nis %s, want %s", in, got, want)
			}
		})
	}
	if len(names) < 5 {
		t.Errorf("%s has %d cases", file, len(names))
	}
}

// question reads the JSON of a decision; a field the test does not know is a
// mistake in the file.
func question(in []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("read question: %w", err)
	}
	return nil
}
