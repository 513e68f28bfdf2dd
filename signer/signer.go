package signer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"loa"
)

const (
	maxConnections = 64               // at one time; further callers wait
	patience       = 10 * time.Second // for a whole request and its reply
)

// Server is the signer. Every field but Ready must be set, and Passphrase too
// unless the root is a demonstration's.
type Server struct {
	Dir        string    // made by Init
	Socket     string    // path of the Unix socket, some 100 bytes at most; made with mode 0660: its folder says who may reach it
	Clock      loa.Clock // dates and delegations are judged by it
	Log        *slog.Logger
	RPID       string   // WebAuthn relying party id: the site's host name
	Origins    []string // where approvals may be made, e.g. "https://loa.tinh.gov.vn"
	Passphrase []byte   // opens the authority keys
	Ready      func()   // called once the socket answers, if set
}

// Run opens the keys and answers on the socket until ctx ends, which is no
// error, or until the disk fails to take a mark, which is.
func (s *Server) Run(ctx context.Context) error {
	if s.RPID == "" || len(s.Origins) == 0 {
		return loa.Errorf(loa.Invalid, "signer.no_site")
	}
	locked, err := lock(s.Dir)
	if err != nil {
		return err
	}
	defer locked.Close()
	d, err := s.openDesk()
	if err != nil {
		return err
	}
	defer d.marks.file.Close()
	listener, err := listen(ctx, s.Socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	running, end := context.WithCancelCause(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer end(nil)
	defer context.AfterFunc(running, func() { listener.Close() })()
	if s.Ready != nil {
		s.Ready()
	}
	room := make(chan struct{}, maxConnections)
	for {
		select {
		case room <- struct{}{}:
		case <-running.Done():
		}
		conn, err := listener.Accept()
		if running.Err() != nil {
			if err == nil {
				conn.Close()
			}
			if errors.Is(context.Cause(running), errStorage) {
				return context.Cause(running)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		open.Go(func() {
			defer func() { <-room }()
			if err := s.answer(running, conn, d); errors.Is(err, errStorage) {
				end(err)
			}
		})
	}
}

// answer serves one connection: one request, one reply, one line in the log.
func (s *Server) answer(ctx context.Context, conn net.Conn, d *desk) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	var req request
	err := readFrame(conn, maxRequest, &req)
	if err != nil && loa.CodeOf(err) == loa.Internal {
		err = loa.Errorf(loa.Invalid, "signer.wrong_request").Because(err) // the caller broke off
	}
	var rep reply
	if err == nil {
		rep, err = d.handleSafely(req)
	}
	if err != nil {
		rep = refuse(err)
	}
	about := []slog.Attr{slog.String("do", req.Do), slog.String("type", req.Type), slog.String("payload", loa.Hash(req.Payload))}
	switch {
	case err == nil && req.Type == "" && len(req.Payload) == 0: // a question; every health check asks one
		s.Log.LogAttrs(ctx, slog.LevelDebug, "signer: told", about...)
	case err == nil:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "signer: done", about...)
	case loa.CodeOf(err) == loa.Internal:
		s.Log.LogAttrs(ctx, slog.LevelError, "signer: failed", append(about, slog.Any("error", err))...)
	default:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "signer: refused", append(about, slog.Any("error", err))...)
	}
	return errors.Join(err, writeFrame(conn, maxReply, rep))
}

// handleSafely makes a panic, above all in what reads an assertion, the end of
// one request and not of the signer.
func (d *desk) handleSafely(req request) (rep reply, err error) {
	defer func() {
		if r := recover(); r != nil {
			rep, err = reply{}, fmt.Errorf("panic: %v", r)
		}
	}()
	return d.handle(req)
}

// refuse is an error as it travels: what a person may be told and no more.
func refuse(err error) reply {
	rep := reply{Code: loa.CodeOf(err), Key: loa.KeyOf(err)}
	if e, ok := errors.AsType[*loa.Error](err); ok {
		for _, a := range e.Args {
			rep.Args = append(rep.Args, strings.ToValidUTF8(fmt.Sprint(a), "?"))
		}
	}
	return rep
}

// listen makes the socket. What lies at its path is removed only if it is a
// socket that nobody answers.
func listen(ctx context.Context, path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("listen: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, loa.Errorf(loa.Conflict, "signer.socket_taken", path)
	default:
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			conn.Close()
			return nil, loa.Errorf(loa.Conflict, "signer.already_running")
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("listen: %w", err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	// The mode is set before the socket has a name, so there is no moment in
	// which another user could connect; chmod is for systems that ignore it.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o660) }); err != nil {
			return err
		}
		return failed
	}}
	listener, err := private.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the node may run as another user of the group
		return nil, fmt.Errorf("listen: %w", errors.Join(err, listener.Close()))
	}
	return listener, nil
}
