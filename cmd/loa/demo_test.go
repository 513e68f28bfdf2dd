package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/bulletin"
	"loa/form"
	"loa/wire"
)

// TestMorning raises the demonstration's province and looks at the desk it lays:
// the regulation, the library with both sessions' standing programme, a test
// sound that plays, a template, an outside body's form, and the two notices that
// wait for somebody.
func TestMorning(t *testing.T) {
	dir, err := os.MkdirTemp("", "loa-morning-") //nolint:usetesting // t.TempDir is too long for a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self := filepath.Join(dir, "loa")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", self, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Setenv("LOA_LOG", "error")
	ctx, cancel := context.WithCancel(t.Context())
	w := &town{dir: dir, people: map[string]*role{}, app: &app{self: self, out: io.Discard, errs: io.Discard,
		log: slog.New(slog.DiscardHandler), getenv: func(string) string { return "" }}}
	running, err := w.start(ctx, true)
	defer func() {
		cancel()
		if err := running(); err != nil {
			t.Error(err)
		}
	}()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(err)
	ok(w.awaitReady(ctx))
	ok(w.morning(ctx))

	flow, now := w.node.Bulletins, loa.WallClock{}.Now()
	man, err := w.actor(ctx, "man")
	ok(err)
	khoi, err := w.actor(ctx, "khoi")
	ok(err)
	r, found, err := flow.Regulation(ctx, station, now)
	if err != nil || !found || !strings.HasPrefix(r.Number, "31/QĐ-UBND") || r.Minutes != 45 || len(r.Hours) != 2 {
		t.Errorf("regulation %+v, %v, %v", r, found, err)
	}
	frames, err := flow.Frames(ctx, station)
	ok(err)
	if wrong := r.Lint(frames, nil); len(frames) != 2 || len(wrong) > 0 {
		t.Errorf("%d sessions, against the regulation: %v", len(frames), wrong)
	}
	for _, part := range []string{bulletin.Morning, bulletin.Afternoon} {
		standing, err := flow.StandingOf(ctx, station, part)
		ok(err)
		var kinds []bulletin.Kind
		for _, s := range standing {
			kinds = append(kinds, s.Kind)
		}
		if want := []bulletin.Kind{bulletin.KindTune, bulletin.KindGreeting, bulletin.KindBulletins, bulletin.KindGoodbye, bulletin.KindChime}; !slices.Equal(kinds, want) {
			t.Errorf("%s holds %v, want %v", part, kinds, want)
		}
	}
	if start, err := flow.TestSound(ctx, man, "DS01"); err != nil || start <= now.UnixMilli() {
		t.Errorf("the test sound: %d, %v", start, err)
	}
	if all, err := flow.Templates(ctx, man, station); err != nil || len(all) != 1 || all[0].Name != "Lịch lấy nước" {
		t.Errorf("templates %+v, %v", all, err)
	}
	forms := &form.Register{DB: w.node.DB, Blobs: w.node.Blobs, Bulletins: flow}
	_, secret, _ := strings.Cut(w.form, "/form/")
	if link, err := forms.Open(ctx, secret); err != nil || link.Path != station || !link.May("power") {
		t.Errorf("the form %q: %+v, %v", w.form, link, err)
	}
	in, err := flow.Inbox(ctx, man, station)
	if err != nil || len(in) != 1 || in[0].Class != wire.Priority || in[0].Path != "vn/98" || in[0].Reply != bulletin.Taken {
		t.Errorf("the inbox %+v, %v", in, err)
	}
	pending, err := flow.List(ctx, khoi, bulletin.Query{Path: station, States: []bulletin.State{bulletin.Submitted}, Limit: 10})
	if err != nil || len(pending) != 1 || pending[0].Class != wire.Normal {
		t.Errorf("waiting for the leader: %+v, %v", pending, err)
	}
}
