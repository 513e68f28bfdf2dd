package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"loa/lang"
)

// verdict is what a box did with one clause of docs/wire.md, judged from its
// receipts, its beats and what it asked.
type verdict struct {
	Clause  string `json:"clause"`
	Section string `json:"section"` // of docs/wire.md
	Result  string `json:"result"`  // passed, failed, not tried
	Seen    string `json:"seen,omitempty"`
}

const (
	passed   = "passed"
	failed   = "failed"
	notTried = "not tried"
)

// device checks a box of any make: it plays a node, waits for the box to enrol,
// and walks the clauses of docs/wire.md.
func device(ctx context.Context, a *app) error {
	if len(a.args) < 2 || a.args[0] != "check" {
		return errUsage
	}
	flags := flag.NewFlagSet("device check", flag.ContinueOnError)
	flags.SetOutput(a.errs)
	asJSON := flags.Bool("json", false, "print the verdicts as JSON")
	locale := flags.String("lang", "vi", "vi or en")
	patience := flags.Duration("wait", 10*time.Minute, "how long the box has to enrol")
	if err := flags.Parse(a.args[2:]); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	if !catalog.Has(*locale) {
		return errUsage
	}
	say := func(key string, args ...any) {
		if !*asJSON {
			fmt.Fprintln(a.out, catalog.T(*locale, key, args...))
		}
	}
	all, err := checkDevice(ctx, a.args[1], *patience, say, a.errs)
	if err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", " ")
		err = e.Encode(all)
	}
	bad := 0
	for _, v := range all {
		say(map[string]string{passed: "check.passed", failed: "check.failed", notTried: "check.not_tried"}[v.Result],
			catalog.T(*locale, "check.clause."+v.Clause), v.Section, v.Seen)
		if v.Result != passed {
			bad++
		}
	}
	if bad > 0 {
		return errors.Join(err, fmt.Errorf("%d of %d clauses are not passed", bad, len(all)))
	}
	return err
}

// checkDevice plays the node at addr and gives a verdict for each clause.
func checkDevice(ctx context.Context, addr string, patience time.Duration, say func(key string, args ...any), errs io.Writer) ([]verdict, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p, err := newProbe(ctx, host)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close() // nothing is kept
		if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(errs, "loa:", err)
		}
		_ = p.door.Close()
	}()
	say("check.begin", "http://"+listener.Addr().String(), p.code)
	all := p.walk(ctx, patience)
	return all, ctx.Err()
}
