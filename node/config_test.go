package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/node"
)

// paper reads docs/config.md: the variables of the tables below a heading.
func paper(t *testing.T, heading string) []string {
	t.Helper()
	b, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(b), "\n## "+heading)
	if !ok {
		t.Fatalf("docs/config.md has no part %q", heading)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(LOA_[A-Z_]+)` \\| (.+) \\| (.+) \\|$").FindAllStringSubmatch(part, -1) {
		names = append(names, row[1])
	}
	slices.Sort(names)
	return names
}

// sources lists the variables that Go files name.
func sources(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`LOA_[A-Z_]+`).FindAll(b, -1) {
			names = append(names, string(m))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestPaper holds docs/config.md to the programs: each variable has its row in
// the table of its program, and no row is about a variable that nobody reads.
func TestPaper(t *testing.T) {
	var want []string
	for field := range reflect.TypeFor[node.Config]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		want = append(want, name)
	}
	for _, name := range sources(t, "../cmd/loa/*.go") {
		if !slices.Contains(want, name) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, paper(t, "The server")); diff != "" {
		t.Errorf("docs/config.md, the server: %s", diff)
	}
	if diff := cmp.Diff(sources(t, "../cmd/loa-speaker/*.go"), paper(t, "The speaker")); diff != "" {
		t.Errorf("docs/config.md, the speaker: %s", diff)
	}
}

// from answers for the environment.
func from(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestFromEnv(t *testing.T) {
	dir := t.TempDir()
	bare := node.Config{
		Dir: dir, Database: "sqlite:" + filepath.Join(dir, "loa.db"), HTTP: "127.0.0.1:8080", MQTT: "127.0.0.1:1883",
		Origin: "http://localhost:8080", Blobs: filepath.Join(dir, "blobs"), Keys: filepath.Join(dir, "keys"),
		SignerDir: filepath.Join(dir, "signer"), Lead: 10 * time.Second, Flush: 5 * time.Second, KeepSound: 24,
		Devices: 10_000, SignIns: 500,
	}
	full := node.Config{
		Dir: dir, Database: "postgres://loa@db/loa", NATS: "nats://a:1,nats://b:2", HTTP: ":443", MQTT: ":8883",
		Doors: "ssl://loa.example:8883", Origin: "https://loa.example", Blobs: "/b", Keys: "/k", Signer: "/s.sock", SignerDir: "/s",
		TLSCert: "/c.pem", TLSKey: "/k.pem", Lead: time.Second, Flush: 2 * time.Second, KeepSound: 36, Devices: 15_000, SignIns: 300, Passphrase: "mật khẩu",
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		want node.Config
		key  string
	}{
		{"only a folder", map[string]string{"LOA_DIR": dir}, bare, ""},
		{"everything", map[string]string{
			"LOA_DIR": dir, "LOA_DATABASE": full.Database, "LOA_NATS": full.NATS, "LOA_HTTP": ":443", "LOA_MQTT": ":8883",
			"LOA_DOORS": full.Doors, "LOA_ORIGIN": full.Origin, "LOA_BLOBS": "/b", "LOA_KEYS": "/k", "LOA_SIGNER": "/s.sock",
			"LOA_SIGNER_DIR": "/s", "LOA_TLS_CERT": "/c.pem", "LOA_TLS_KEY": "/k.pem", "LOA_LEAD": "1s", "LOA_BEAT_FLUSH": "2s", "LOA_KEEP_SOUND": "36",
			"LOA_SIGNER_PASSPHRASE": "mật khẩu", "LOA_DEVICES": "15000", "LOA_SIGN_INS": "300",
		}, full, ""},
		{"kept for no time", map[string]string{"LOA_KEEP_SOUND": "0"}, node.Config{}, "config.months"},
		{"no devices", map[string]string{"LOA_DEVICES": "0"}, node.Config{}, "config.number"},
		{"sign-ins in words", map[string]string{"LOA_SIGN_INS": "many"}, node.Config{}, "config.number"},
		{"kept for years in words", map[string]string{"LOA_KEEP_SOUND": "2y"}, node.Config{}, "config.months"},
		{"a time without a unit", map[string]string{"LOA_LEAD": "10"}, node.Config{}, "config.duration"},
		{"a time of nought", map[string]string{"LOA_BEAT_FLUSH": "0s"}, node.Config{}, "config.duration"},
		{"a time below nought", map[string]string{"LOA_LEAD": "-1s"}, node.Config{}, "config.duration"},
		{"an origin without a scheme", map[string]string{"LOA_ORIGIN": "loa.example"}, node.Config{}, "config.origin"},
		{"an origin of another scheme", map[string]string{"LOA_ORIGIN": "ftp://loa.example"}, node.Config{}, "config.origin"},
		{"an origin without a host", map[string]string{"LOA_ORIGIN": "https://"}, node.Config{}, "config.origin"},
		{"a certificate without a key", map[string]string{"LOA_TLS_CERT": "/c.pem"}, node.Config{}, "config.tls"},
		{"a key without a certificate", map[string]string{"LOA_TLS_KEY": "/k.pem"}, node.Config{}, "config.tls"},
		{"several processes on SQLite", map[string]string{"LOA_NATS": "nats://a:1"}, node.Config{}, "config.sqlite_is_one_process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := node.FromEnv(from(c.env))
			if c.key != "" {
				if loa.KeyOf(err) != c.key {
					t.Errorf("%v, want %s", err, c.key)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
	t.Run("a folder that is relative", func(t *testing.T) {
		t.Chdir(dir)
		c, err := node.FromEnv(from(nil))
		if err != nil || c.Dir != filepath.Join(dir, "loa-data") || c.Blobs != filepath.Join(dir, "loa-data", "blobs") {
			t.Errorf("%s, %s, %v", c.Dir, c.Blobs, err)
		}
	})
}

func TestRPID(t *testing.T) {
	for origin, want := range map[string]string{
		"https://loa.tinh.gov.vn": "loa.tinh.gov.vn", "http://localhost:8080": "localhost", "https://loa.example:8443": "loa.example",
	} {
		if got := (node.Config{Origin: origin}).RPID(); got != want {
			t.Errorf("%s: %s, want %s", origin, got, want)
		}
	}
}

// TestPrint: loa doctor may be shown to anyone.
func TestPrint(t *testing.T) {
	c, err := node.FromEnv(from(map[string]string{
		"LOA_DIR": t.TempDir(), "LOA_SIGNER_PASSPHRASE": "tuyệt mật", "LOA_DATABASE": "postgres://loa:matkhau@db.example/loa",
		"LOA_NATS": "nats://loa:thamso@a.example:4222",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"tuyệt mật", "matkhau", "thamso"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("it says %q:\n%s", secret, out.String())
		}
	}
	for _, shown := range []string{"LOA_DIR", "postgres://loa:xxxxx@db.example/loa", "LOA_LEAD", "10s", "LOA_SIGNER_PASSPHRASE", "a.example:4222"} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("it does not say %s:\n%s", shown, out.String())
		}
	}
}
