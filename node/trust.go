package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/signer"
	"loa/speaker"
)

// The files of a node's key folder.
const (
	dispatchFile = "dispatch.key"
	beaconFile   = "beacon.key"
	rootFile     = "root.json"
)

// WriteKeys puts the node's online keys and the root it belongs to into its key
// folder, readable by its user alone.
func WriteKeys(dir string, c signer.Ceremony) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make key folder: %w", err)
	}
	root, err := json.MarshalIndent(c.Root, "", "  ")
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{
		dispatchFile: []byte(hex.EncodeToString(c.Dispatch) + "\n"),
		beaconFile:   []byte(hex.EncodeToString(c.Beacon) + "\n"),
		rootFile:     append(root, '\n'),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("write key: %w", err)
		}
	}
	return nil
}

// LoadRoot reads the root a node belongs to.
func LoadRoot(dir string) (root seal.Root, err error) {
	b, err := os.ReadFile(filepath.Join(dir, rootFile))
	if err != nil {
		return root, loa.Errorf(loa.Unavailable, "node.no_keys", dir).Because(err)
	}
	if err := seal.Decode(b, seal.MaxDocument, &root); err != nil {
		return root, fmt.Errorf("read root: %w", err)
	}
	return root, nil
}

// LoadKeys reads the node's online keys.
func LoadKeys(dir string) (keys speaker.Keys, err error) {
	if keys.Dispatch, err = loadKey(filepath.Join(dir, dispatchFile)); err != nil {
		return keys, err
	}
	keys.Beacon, err = loadKey(filepath.Join(dir, beaconFile))
	return keys, err
}

func loadKey(file string) (seal.Key, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return seal.Key{}, loa.Errorf(loa.Unavailable, "node.no_keys", filepath.Dir(file)).Because(err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil {
		return seal.Key{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	return seal.KeyFromSeed(seed)
}

// trusted is the chain the door checks sign-ins with.
func (n *Node) trusted() *seal.Trust {
	n.trustMu.Lock()
	defer n.trustMu.Unlock()
	return n.trust
}

// believe takes over what the signer holds: the root that followed this node's, if
// one did, and the delegations, for devices to fetch and for the door's chain.
func (n *Node) believe(ctx context.Context) error {
	info, err := n.Signer.Describe(ctx)
	if err != nil {
		return err
	}
	trust, err := seal.NewTrust(info.Root, info.Delegations, 0)
	if err != nil {
		return err
	}
	fresh, err := n.Speakers.Adopt(ctx, info.Root, info.Rotations, info.Delegations)
	if err != nil {
		return err
	}
	n.trustMu.Lock()
	n.trust = trust
	n.trustMu.Unlock()
	if fresh {
		select {
		case n.ringNow <- struct{}{}: // every beacon names them
		default:
		}
	}
	return nil
}

// renew has the signer prolong what is past three fifths of its life, and writes down
// what it did; or, once, why it cannot and that it can again: the page of what ends
// shows it.
func (n *Node) renew(ctx context.Context) error {
	done, failed := n.Signer.Renew(ctx)
	if failed == nil && len(done) > 0 {
		failed = n.believe(ctx)
	}
	var row string
	var entry journal.Entry
	err := n.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		last, err := journal.List(tx, journal.Filter{Subject: speaker.RenewalSubject, Limit: 1})
		if err != nil {
			return err
		}
		stuck := len(last) > 0 && last[0].Verb == speaker.RenewalFailed
		switch {
		case failed != nil && stuck && strings.Contains(string(last[0].Data), `"`+loa.KeyOf(failed)+`"`):
			return nil
		case failed != nil:
			entry = journal.Entry{Verb: speaker.RenewalFailed, Data: map[string]string{"why": loa.KeyOf(failed)}}
		case len(done) > 0:
			entry = journal.Entry{Verb: "keys.renewed", Data: done}
		case stuck:
			entry = journal.Entry{Verb: "keys.renewal_works"}
		default:
			return nil
		}
		entry.Subject = speaker.RenewalSubject
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err == nil && row != "" {
		n.said(row, entry)
	}
	return errors.Join(failed, err)
}

// openSigner finds the signer: a socket that was named, or a child of this
// process, started now. The child is a process of its own; this one never
// opens an authority key.
func (n *Node) openSigner(ctx context.Context) error {
	if n.Config.Signer != "" {
		n.Signer = signer.Client{Socket: n.Config.Signer}
		return nil
	}
	socket := filepath.Join(n.Config.Dir, "sign.sock")
	if len(socket) > 100 { // a Unix socket's path is short (sun_path, 108 bytes)
		dir, err := os.MkdirTemp("", "loa-sign-")
		if err != nil {
			return err
		}
		socket = filepath.Join(dir, "sign.sock")
	}
	n.Signer = signer.Client{Socket: socket}
	var err error
	n.child, err = startSigner(n.opts.Self, n.Config, socket, n.clock)
	if err != nil {
		return err
	}
	return n.child.ready(ctx)
}

// child is the signer as a child process. A pipe tells it when we are gone,
// however we went; its first line tells us that it is ready.
type child struct {
	cmd    *exec.Cmd
	clock  loa.Clock
	stdin  io.WriteCloser
	first  chan error
	once   sync.Once
	ended  chan struct{}
	failed error
}

func startSigner(self string, c Config, socket string, clock loa.Clock) (*child, error) {
	cmd := exec.Command(self, "sign") //nolint:noctx // our own executable; stop closes its pipe, so that it finishes what it does
	cmd.Env = append(os.Environ(), "LOA_SIGNER_DIR="+c.SignerDir, "LOA_SIGNER="+socket, "LOA_ORIGIN="+c.Origin,
		"LOA_SIGNER_PASSPHRASE="+c.Passphrase, "LOA_SIGNER_CHILD=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start signer: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start signer: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start signer: %w", err)
	}
	ch := &child{cmd: cmd, clock: clock, stdin: stdin, first: make(chan error, 1), ended: make(chan struct{})}
	go func() {
		defer close(ch.ended)
		line := make([]byte, 6)
		if _, err := io.ReadFull(stdout, line); err != nil {
			ch.first <- loa.Errorf(loa.Unavailable, "signer.away").Because(err)
		} else {
			ch.first <- nil
		}
		_, readErr := io.Copy(io.Discard, stdout)
		ch.failed = errors.Join(readErr, cmd.Wait())
	}()
	return ch, nil
}

// ready waits for the signer's first word.
func (c *child) ready(ctx context.Context) error {
	select {
	case err := <-c.first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns when the signer ends: without a signer nothing can be approved,
// so the server ends too and is started again.
func (c *child) wait() error {
	<-c.ended
	return loa.Errorf(loa.Unavailable, "signer.away").Because(c.failed)
}

// stop closes the pipe the signer watches and waits for it.
func (c *child) stop() {
	c.once.Do(func() {
		_ = c.stdin.Close() // the signer is gone already: as wanted
		select {
		case <-c.ended:
		case <-c.clock.After(3 * time.Second):
			_ = c.cmd.Process.Kill() // gone already: as wanted
			<-c.ended
		}
	})
}
