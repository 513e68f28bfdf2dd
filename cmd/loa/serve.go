package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"loa"
	"loa/node"
	"loa/signer"
)

// serve runs a server until it is told to end.
func serve(ctx context.Context, a *app) error {
	if len(a.args) > 0 {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	n, err := node.Open(ctx, c, node.Options{Clock: loa.WallClock{}, Log: a.log, Self: a.self})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.out, "loa: pages and devices on http://%s, MQTT on %v\n", n.Addr(), n.Doors()); err != nil {
		return err
	}
	return errors.Join(n.Run(ctx), n.Close())
}

// sign runs the signer. As a child of a server it says "ready" and ends when
// its parent is gone, however the parent went.
func sign(ctx context.Context, a *app) error {
	if len(a.args) > 0 {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	socket := c.Signer
	if socket == "" {
		socket = filepath.Join(c.Dir, "sign.sock")
	}
	u, err := url.Parse(c.Origin)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := signer.Server{Dir: c.SignerDir, Socket: socket, Clock: loa.WallClock{}, Log: a.log,
		RPID: u.Hostname(), Origins: []string{c.Origin}, Passphrase: []byte(c.Passphrase)}
	s.Ready = func() {
		fmt.Fprintln(a.out, "ready")
	}
	if a.getenv("LOA_SIGNER_CHILD") != "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // ends, in whatever way, when the parent does
			cancel()
		}()
	}
	return s.Run(ctx)
}
