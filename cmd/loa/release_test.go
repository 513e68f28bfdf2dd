package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loa"
)

// TestReleaseCeremony makes a province, three release keys, two of which the root
// asks for, a release sealed by two people on two machines, and brings it into
// the node; and what nobody should get by with.
func TestReleaseCeremony(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	env := map[string]string{"LOA_DIR": in("node"), "LOA_ROOT_PASSPHRASE": "gốc", "LOA_SIGNER_PASSPHRASE": "ký", "LOA_RELEASE_PASSPHRASE": "phát hành"}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		a := &app{args: args[1:], getenv: func(k string) string { return env[k] }, in: strings.NewReader(""), out: &out, errs: &out, log: slog.New(slog.DiscardHandler)}
		for _, c := range commands() {
			if c.name == args[0] {
				return out.String(), c.run(t.Context(), a) // the words are read below
			}
		}
		t.Fatal(args)
		return "", nil
	}
	good := func(args ...string) {
		t.Helper()
		if _, err := run(args...); err != nil {
			t.Fatalf("loa %s: %v", strings.Join(args, " "), err)
		}
	}
	bad := func(want string, args ...string) {
		t.Helper()
		if _, err := run(args...); loa.KeyOf(err) != want {
			t.Errorf("loa %s: %v, want %s", strings.Join(args, " "), err, want)
		}
	}
	good("key", "province", "-path", "vn/01", "-communes", "00004,00007")
	var keys []string
	for _, name := range []string{"an", "binh", "chi"} {
		out := in(name + ".key")
		good("release", "key", "-o", out, "-name", name)
		keys = append(keys, public(t, out))
	}
	if _, err := run("release", "key", "-o", in("an.key"), "-name", "an"); err == nil {
		t.Error("a key was written over")
	}
	root := filepath.Join(env["LOA_DIR"], "root.key")
	good("release", "trust", "-root", root, "-path", "vn/01", "-keys", strings.Join(keys, ","), "-threshold", "2", "-o", in("trust"))
	bad("delegation.malformed", "release", "trust", "-root", root, "-path", "vn/01", "-keys", strings.Join(keys, ","), "-threshold", "4", "-o", in("trust 4"))
	program := in("loa-speaker")
	if err := os.WriteFile(program, []byte("\x7fELF program"), 0o600); err != nil {
		t.Fatal(err)
	}
	good("release", "make", "-number", "2", "-text", "0.2.0", "-o", in("release"), "linux/armv7="+program)
	bad("release.malformed", "release", "make", "-number", "0", "-text", "0.2.0", "-o", in("release 0"), "linux/armv7="+program)
	good("release", "make", "-number", "3", "-text", "0.3.0", "-o", in("other"), "linux/armv7="+program)
	for _, name := range []string{"an", "binh"} {
		good("release", "seal", "-key", in(name+".key"), "-o", in("by "+name), in("release"))
	}
	good("release", "seal", "-key", in("chi.key"), "-o", in("other by chi"), in("other"))
	bad("release.not_same", "release", "join", "-o", in("mixed"), in("by an"), in("other by chi"))
	bad("seal.form", "release", "join", "-o", in("twice"), in("by an"), in("by an"))
	good("release", "join", "-o", in("sealed"), in("by binh"), in("by an"))
	bad("seal.unknown_key", "release", "import", "-trust", in("trust"), in("by an"), program)
	bad("release.no_key", "release", "import", in("sealed"), program)
	bad("release.no_file", "release", "import", "-trust", in("trust"), in("sealed"))
	good("release", "import", "-trust", in("trust"), in("sealed"), program)
	bad("release.known", "release", "import", in("sealed"), program)
	good("release", "list")
	env["LOA_RELEASE_PASSPHRASE"] = "đoán"
	bad("key.wrong_passphrase", "release", "seal", "-key", in("an.key"), "-o", in("guessed"), in("release"))
	env["LOA_RELEASE_PASSPHRASE"] = ""
	bad("signer.no_passphrase", "release", "key", "-o", in("open.key"), "-name", "open")
}

// public is the public half that a key file shows.
func public(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte(`"keys":["`))
	key, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		t.Fatalf("no key in %s", b)
	}
	return string(key)
}
