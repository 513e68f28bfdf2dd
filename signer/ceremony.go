package signer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// RootFile is a root's private key, closed under its own passphrase: the one
// file that belongs in a safe.
type RootFile []byte

// NewRoot makes a root. A demonstration's root holds for invented provinces
// alone and may have an empty passphrase; no other may.
func NewRoot(name string, demo bool, passphrase []byte) (RootFile, seal.Root, error) {
	k, err := seal.NewKey()
	if err != nil {
		return nil, seal.Root{}, err
	}
	root := seal.Root{Name: name, Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1, Demo: demo}
	v, err := newVault(passphrase, root)
	if err != nil {
		return nil, root, err
	}
	f, err := v.close(k, kindRoot)
	if err != nil {
		return nil, root, err
	}
	f.Root = &root
	b, err := json.Marshal(f)
	if err != nil {
		return nil, root, fmt.Errorf("write root: %w", err)
	}
	return b, root, nil
}

// OpenRoot opens what NewRoot made.
func OpenRoot(file RootFile, passphrase []byte) (seal.Key, seal.Root, error) {
	var f keyFile
	if err := seal.Decode(file, seal.MaxDocument, &f); err != nil {
		return seal.Key{}, seal.Root{}, err
	}
	if f.Root == nil {
		return seal.Key{}, seal.Root{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	v, err := newVault(passphrase, *f.Root)
	if err != nil {
		return seal.Key{}, *f.Root, err
	}
	k, err := v.open(f, kindRoot)
	return k, *f.Root, err
}

// Ceremony is what Init leaves for the node: the seeds (32 bytes each) of its
// two online keys, which can place and delay but never authorise, and what its
// devices must know.
type Ceremony struct {
	Root        seal.Root
	Delegations [][]byte // sealed; the province's first
	Dispatch    []byte
	Beacon      []byte
}

// Init makes a province's signer folder: the root delegates to the province's
// authority key, that one to a key for each commune and to the node's dispatch
// and beacon keys, all for every class, from now for life. The root's key is
// used once and not kept. dir must not hold a signer yet.
func Init(dir string, rootFile RootFile, passphrase, signerPassphrase []byte, province loa.Path, communes []loa.Path, now time.Time, life time.Duration) (Ceremony, error) {
	rootKey, root, err := OpenRoot(rootFile, passphrase)
	if err != nil {
		return Ceremony{}, err
	}
	v, err := newVault(signerPassphrase, root)
	if err != nil {
		return Ceremony{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, "root.json")); err == nil {
		return Ceremony{}, loa.Errorf(loa.Conflict, "signer.initialised")
	}
	c := Ceremony{Root: root}
	private := map[string]seal.Key{}
	made := func(role seal.Role, p loa.Path, by seal.Key) (seal.Key, error) {
		k, err := seal.NewKey()
		if err != nil {
			return k, err
		}
		sealed, err := delegate(seal.Delegation{
			Role: role, Paths: []loa.Path{p}, Classes: wire.Classes(), Delegate: role == seal.Authority && p == province,
			From: now.UnixMilli(), Until: now.Add(life).UnixMilli(),
		}, k, by)
		c.Delegations = append(c.Delegations, sealed)
		if role == seal.Authority {
			private[k.ID] = k
		}
		return k, err
	}
	provinceKey, err := made(seal.Authority, province, rootKey)
	if err != nil {
		return Ceremony{}, err
	}
	// Alone first, so that a root that may not speak for this province says so.
	if _, err := newRing(root, c.Delegations, private); err != nil {
		return Ceremony{}, fmt.Errorf("delegate to province: %w", err)
	}
	for _, p := range communes {
		if _, err := made(seal.Authority, p, provinceKey); err != nil {
			return Ceremony{}, err
		}
	}
	dispatch, err := made(seal.Dispatch, province, provinceKey)
	if err != nil {
		return Ceremony{}, err
	}
	beacon, err := made(seal.Beacon, province, provinceKey)
	if err != nil {
		return Ceremony{}, err
	}
	c.Dispatch, c.Beacon = dispatch.Seed(), beacon.Seed()

	// What a device would refuse is refused here, before a file is written.
	if _, err := newRing(root, c.Delegations, private); err != nil {
		return Ceremony{}, fmt.Errorf("make delegations: %w", err)
	}
	return c, writeFolder(dir, v, c, private)
}

// writeFolder writes root.json last: without it there is no signer yet.
func writeFolder(dir string, v *vault, c Ceremony, private map[string]seal.Key) error {
	for _, d := range []string{dir, filepath.Join(dir, "keys"), filepath.Join(dir, "delegations")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("make signer folder: %w", err)
		}
	}
	for _, k := range private {
		if err := v.save(dir, k); err != nil {
			return err
		}
	}
	for _, d := range c.Delegations {
		if err := saveDelegation(dir, d); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "marks.log"), nil); err != nil {
		return err
	}
	if err := saveRoster(dir, Roster{Kind: "roster"}, c.Root.Demo); err != nil {
		return err
	}
	root, err := json.Marshal(c.Root)
	if err != nil {
		return fmt.Errorf("write root: %w", err)
	}
	return writeFile(filepath.Join(dir, "root.json"), summed(root))
}
