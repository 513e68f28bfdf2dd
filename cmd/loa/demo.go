package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"loa"
	"loa/edge"
	"loa/node"
	"loa/signer"
	"loa/speaker"
	"loa/wire"
)

// town is a demonstration: an invented province with its people, a node, a
// signer in a process of its own and twelve speakers over real MQTT and HTTP.
type town struct {
	app    *app
	dir    string
	node   *node.Node
	people map[string]*role // by login
	horns  []*horn          // in the order of the poles
	form   string           // the address of an outside body's form
	keysMu sync.Mutex       // one assertion at a time
}

// demo runs a town until it is told to end, or with -once until one round of
// notices has been played and proved.
func demo(ctx context.Context, a *app) (err error) {
	once := len(a.args) == 1 && a.args[0] == "-once"
	if len(a.args) > 0 && !once {
		return errUsage
	}
	dir, err := os.MkdirTemp("", "loa-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if a.getenv("LOA_LOG") == "" {
		a.log = slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: slog.LevelError}))
		if err := os.Setenv("LOA_LOG", "error"); err != nil { // the signer, a child, reads it
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &town{app: a, dir: dir, people: map[string]*role{}}
	running, err := t.start(ctx, once)
	if err != nil {
		cancel()
		return errors.Join(err, running())
	}
	if once {
		err = t.once(ctx)
	} else if err = t.welcome(ctx); err == nil {
		err = t.live(ctx)
	}
	cancel()
	return errors.Join(err, running())
}

// start brings the town up. The function it gives waits for everything to end.
func (t *town) start(ctx context.Context, once bool) (wait func() error, err error) {
	wait = func() error { return nil }
	province := loa.Path("vn/98")
	communes := []loa.Path{"vn/98/98002", "vn/98/98011", "vn/98/98024", "vn/98/98037"}
	c := node.Config{Dir: t.dir, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", Lead: 5 * time.Second, Flush: time.Second,
		Database: t.app.getenv("LOA_DATABASE"), NATS: t.app.getenv("LOA_NATS")}
	if !once {
		c.HTTP = "127.0.0.1:8080"
		if s := t.app.getenv("LOA_HTTP"); s != "" {
			c.HTTP = s
		}
	}
	listener, err := free(ctx, c.HTTP)
	if err != nil {
		return wait, err
	}
	c.HTTP = listener
	if c, err = c.Filled(); err != nil {
		return wait, err
	}
	file, _, err := signer.NewRoot("Lam Xuyên (giả định)", true, nil)
	if err != nil {
		return wait, err
	}
	ceremony, err := signer.Init(c.SignerDir, file, nil, nil, province, communes, loa.WallClock{}.Now(), 31*24*time.Hour)
	if err != nil {
		return wait, err
	}
	if err := node.WriteKeys(c.Keys, ceremony); err != nil {
		return wait, err
	}
	// People come before the signer starts: its first roster is made at the
	// command line, by whoever owns its folder.
	if err := t.peopleFor(ctx, c); err != nil {
		return wait, err
	}
	page, err := demoPage()
	if err != nil {
		return wait, err
	}
	t.node, err = node.Open(ctx, c, node.Options{Clock: loa.WallClock{}, Log: t.app.log, Self: t.app.self,
		SoftApprove: t.softApprove, More: func(mux *http.ServeMux) { t.pages(mux, page) }})
	if err != nil {
		return wait, err
	}
	var wg sync.WaitGroup
	failed := make(chan error, 32)
	wait = func() error {
		wg.Wait()
		close(failed)
		var errs []error
		for err := range failed {
			errs = append(errs, err)
		}
		return errors.Join(append(errs, t.node.Close())...)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	wg.Go(func() {
		if err := t.node.Run(ctx); err != nil {
			failed <- err
			cancel(err)
		}
	})
	if err := t.speakers(ctx, &wg, failed); err != nil {
		cancel(err)
		return wait, err
	}
	if err := t.words(ctx); err != nil {
		return wait, err
	}
	if err := t.rules(ctx); err != nil {
		return wait, err
	}
	return wait, t.outside(ctx)
}

// speakers puts up the poles and starts an agent under each: it asks with its
// code, an officer confirms with a passkey, and it signs in.
func (t *town) speakers(ctx context.Context, wg *sync.WaitGroup, failed chan<- error) error {
	poles, err := stagePoles()
	if err != nil {
		return err
	}
	officer, err := t.actor(ctx, "sen")
	if err != nil {
		return err
	}
	for _, p := range poles {
		pole, err := t.node.Speakers.AddPole(ctx, officer, p)
		if err != nil {
			return err
		}
		code, err := t.node.Speakers.NewCode(ctx, officer, pole.ID)
		if err != nil {
			return err
		}
		h := newHorn(pole, filepath.Join(t.dir, "horn-"+pole.Code))
		t.horns = append(t.horns, h)
		wg.Go(func() {
			if err := edge.Run(ctx, edge.Config{Server: "http://" + t.node.Addr(), Dir: h.dir, Code: code, Output: h,
				Log: t.app.log.With(slog.String("pole", pole.Code)), ReceiptDelay: time.Second, BeatEvery: 15 * time.Second,
				Version: "demo"}); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("speaker %s: %w", pole.Code, err)
			}
		})
	}
	return t.confirmAll(ctx, officer, len(poles))
}

// confirmAll confirms each box that has asked, until none is missing.
func (t *town) confirmAll(ctx context.Context, officer loa.Actor, want int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for placed := 0; placed < want; {
		boxes, err := t.node.Speakers.Boxes(ctx, "vn/98")
		if err != nil {
			return err
		}
		placed = 0
		for _, b := range boxes {
			if b.State == speaker.Placed {
				placed++
				continue
			}
			payload, err := t.node.Speakers.DraftPlacement(ctx, officer, b.ID, false)
			if err != nil {
				return err
			}
			yes, err := t.softApprove(ctx, officer.ID, payload)
			if err != nil {
				return err
			}
			if err := t.node.Speakers.Confirm(ctx, officer, b.ID, yes); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d speakers came: %w", placed, want, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// awaitReady waits until every box has said a beat: it is signed in and hears.
func (t *town) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		boxes, err := t.node.Speakers.Boxes(ctx, "vn/98")
		if err != nil {
			return err
		}
		heard := 0
		for _, b := range boxes {
			if b.Health.At > 0 {
				heard++
			}
		}
		if heard == len(t.horns) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d speakers signed in: %w", heard, len(t.horns), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// softApprove is one person's passkey in software, which only a demonstration's
// signer believes.
func (t *town) softApprove(_ context.Context, person string, payload []byte) (wire.Approval, error) {
	t.keysMu.Lock()
	defer t.keysMu.Unlock()
	for _, r := range t.people {
		if r.id == person && r.key != nil {
			return r.key.Approve(payload, t.rpid(), t.origin())
		}
	}
	return wire.Approval{}, loa.Errorf(loa.Forbidden, "approve.no_passkey")
}

func (t *town) rpid() string { return t.node.Config.RPID() }

func (t *town) origin() string { return t.node.Config.Origin }

// welcome prints where to look and who may come in.
func (t *town) welcome(ctx context.Context) error {
	if err := t.awaitReady(ctx); err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(t.app.out, format, args...) }
	say("\nLoa · DỮ LIỆU MÔ PHỎNG, địa danh giả định\n\n")
	say("  Trang làm việc        %s/\n", t.origin())
	say("  Đứng dưới cụm loa     %s/demo\n", t.origin())
	say("  Cửa thiết bị (MQTT)   %s\n\n", t.node.Doors()[0])
	say("Đường dẫn đăng nhập, mỗi đường dùng một lần:\n\n")
	for _, login := range roleOrder() {
		r := t.people[login]
		token, err := t.node.People.NewLink(ctx, loa.System(), r.id, 12*time.Hour)
		if err != nil {
			return err
		}
		say("  %-18s %-42s %s/sign-in/link/%s\n", r.name, r.post, t.origin(), token)
	}
	say("  %-18s %-42s %s\n", "Cơ quan ngoài", "Điện lực khu vực Lam Xuyên 2 gửi tin", t.form)
	say("\nLoa của hãng khác muốn nghe cùng: examples/speaker-python/README.md, máy chủ http://%s, mã lắp đặt lấy ở trang Cụm loa.\n", t.node.Addr())
	say("\n%d cụm loa đang nghe. Cứ ít phút có một bản tin mới. Dừng: Ctrl+C\n", len(t.horns))
	return nil
}

// live lays the officer's desk and keeps the town busy: a notice now and then,
// through the same calls as the pages. Speech takes a while, so the addresses
// are printed before.
func (t *town) live(ctx context.Context) error {
	notices, err := stageNotices(loa.WallClock{}.Now())
	if err != nil {
		return err
	}
	if err := t.morning(ctx); ctx.Err() != nil {
		return nil //nolint:nilerr // told to end while it was laid
	} else if err != nil {
		return err
	}
	fmt.Fprintln(t.app.out, "Bàn làm việc của Đài xã Đồng Sậy đã bày xong: kho tư liệu, chương trình hai buổi, mẫu tin, tin của tỉnh.")
	for i := 0; ; i = (i + 1) % len(notices) {
		if n := notices[i]; n.kind == "xa" || n.kind == "thon" || n.kind == "tinh" {
			if _, err := t.send(ctx, n); err != nil && ctx.Err() == nil {
				t.app.log.Error("notice not sent", slog.String("title", n.title), slog.String("error", err.Error()))
			}
		} else {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Minute):
		}
	}
}
