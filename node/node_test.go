package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/signer"
	"loa/wire"
)

// TestPrintAddresses: every variable stands there once, and no secret does, not
// even in an address nobody could read.
func TestPrintAddresses(t *testing.T) {
	const secret = "mật,kh/ẩu"
	for _, c := range []struct {
		of    Config
		shows string
	}{
		{Config{Passphrase: secret}, "LOA_SIGNER_PASSPHRASE  (13 characters)\n"},
		{Config{Database: "postgres://loa:hush@db:5432/loa"}, "LOA_DATABASE           postgres://loa:xxxxx@db:5432/loa\n"},
		{Config{Database: "postgres://db/loa?user=loa&password=hush"}, "LOA_DATABASE           (40 characters)\n"},
		{Config{Database: "postgres://loa:hush%@db/loa"}, "LOA_DATABASE           (27 characters)\n"},
		{Config{Database: "postgres://loa:" + secret + "@db/loa"}, "LOA_DATABASE           (35 characters)\n"},
		{Config{NATS: "nats://loa:hush@a:4222,nats://loa:hush@b:4222"}, "LOA_NATS               nats://loa:xxxxx@a:4222,nats://loa:xxxxx@b:4222\n"},
		{Config{Doors: "tcp://a:1883,tcp://b:1883"}, "LOA_DOORS              tcp://a:1883,tcp://b:1883\n"},
		{Config{Dir: "/srv/loa@1", Database: "sqlite:/srv/loa.db"}, "LOA_DATABASE           sqlite:/srv/loa.db\n"},
		{Config{Dir: "/srv/loa@1"}, "LOA_DIR                /srv/loa@1\n"},
		{Config{Lead: 90 * time.Second}, "LOA_LEAD               1m30s\n"},
	} {
		var out strings.Builder
		if err := c.of.Print(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.shows) {
			t.Errorf("not there: %q in\n%s", c.shows, out.String())
		}
		for _, s := range []string{"hush", "mật", "ẩu"} {
			if strings.Contains(out.String(), s) {
				t.Errorf("%q is shown:\n%s", s, out.String())
			}
		}
		if n := strings.Count(out.String(), "\n"); n != reflect.TypeFor[Config]().NumField() || strings.Count(out.String(), "LOA_") != n {
			t.Errorf("%d lines:\n%s", n, out.String())
		}
	}
}

// TestKeys: what a ceremony made is read back, by its owner alone; a folder
// without keys, or with half of one, is said to be that.
func TestKeys(t *testing.T) {
	file, root, err := signer.NewRoot("Lam Xuyên (giả định)", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := signer.Init(t.TempDir(), file, nil, nil, "vn/98", []loa.Path{"vn/98/98011"}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := LoadRoot(dir); loa.KeyOf(err) != "node.no_keys" || loa.CodeOf(err) != loa.Unavailable {
		t.Errorf("no folder: %v", err)
	}
	if _, err := LoadKeys(dir); loa.KeyOf(err) != "node.no_keys" {
		t.Errorf("no folder: %v", err)
	}
	if err := WriteKeys(dir, c); err != nil {
		t.Fatal(err)
	}
	got, err := LoadRoot(dir)
	if err != nil || got.Fingerprint() != root.Fingerprint() || !got.Demo {
		t.Errorf("root %+v, %v", got, err)
	}
	keys, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([2][]byte{c.Dispatch, c.Beacon}, [2][]byte{keys.Dispatch.Seed(), keys.Beacon.Seed()}); diff != "" {
		t.Error("keys:", diff)
	}
	for _, name := range []string{dispatchFile, beaconFile, rootFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v: others can read it", name, info.Mode())
		}
	}
	for name, body := range map[string]string{dispatchFile: "no hex", beaconFile: "0011"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(dir); loa.KeyOf(err) != "key.malformed" {
			t.Errorf("%s of %q: %v", name, body, err)
		}
		if err := WriteKeys(dir, c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenNothing: a server without keys says so and leaves nothing open.
func TestOpenNothing(t *testing.T) {
	c, err := Config{Dir: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0"}.Filled()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), c, Options{Clock: loa.WallClock{}, Log: slog.New(slog.DiscardHandler)})
	if loa.KeyOf(err) != "node.no_keys" {
		t.Errorf("opened: %v", err)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "loa.db")); !os.IsNotExist(err) {
		t.Errorf("a database was made all the same: %v", err)
	}
}

// TestBeat: the newest beat of each box waits, and only a change of state is
// told at once.
func TestBeat(t *testing.T) {
	n := &Node{flushNow: make(chan loa.Path, 1), in: inbox{beats: map[string]wire.Beat{}, places: map[string]loa.Path{"a": "vn/98/98011"}}}
	for i, c := range []struct {
		beat wire.Beat
		told bool
	}{
		{wire.Beat{Device: "a", State: "idle", Uptime: 1}, false}, // the usual first word
		{wire.Beat{Device: "a", State: "idle", Uptime: 2}, false},
		{wire.Beat{Device: "a", State: "sounding", Slot: "s", Uptime: 3}, true},
		{wire.Beat{Device: "a", State: "sounding", Slot: "s", Uptime: 4}, false},
		{wire.Beat{Device: "a", State: "sounding", Slot: "t", Uptime: 5}, true},
		{wire.Beat{Device: "a", State: "idle", Uptime: 6}, true},
		{wire.Beat{Device: "b", State: "sounding", Slot: "t", Uptime: 1}, true},
	} {
		n.beat(c.beat)
		told := false
		select {
		case <-n.flushNow:
			told = true
		default:
		}
		if told != c.told || n.in.beats[c.beat.Device].Uptime != c.beat.Uptime {
			t.Errorf("beat %d: told %t, want %t; %+v waits", i, told, c.told, n.in.beats[c.beat.Device])
		}
	}
	if len(n.in.beats) != 2 {
		t.Errorf("%d beats wait", len(n.in.beats))
	}
}

// TestRevoked: a sign-in with a placement below the one that is current is
// refused; a box nobody here has read about is let in.
func TestRevoked(t *testing.T) {
	n := &Node{in: inbox{floors: map[string]int64{"a": 5}}}
	for version, want := range map[int64]bool{4: true, 5: false, 6: false} {
		if got := n.revoked("a", version); got != want {
			t.Errorf("version %d: %t", version, got)
		}
	}
	if n.revoked("b", 1) {
		t.Error("a box that is not known yet is refused")
	}
}

// TestGuard: a worker that panics ends with an error that says where.
func TestGuard(t *testing.T) {
	var nobody *Node
	err := nobody.guard(func() error { panic("no bearings") })
	if err == nil || !strings.Contains(err.Error(), "no bearings") || !strings.Contains(err.Error(), "node_test.go") {
		t.Errorf("got %v", err)
	}
	if err := nobody.guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
}
