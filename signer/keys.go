package signer

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"loa"
	"loa/seal"
)

// keyFile is a private key at rest: its 32-byte seed under XChaCha20-Poly1305
// (draft-irtf-cfrg-xchacha), with a key that argon2id (RFC 9106) makes from the
// passphrase. The kind, the key's id and the root stand under the same seal, so
// that a file moved to another place does not open.
type keyFile struct {
	V      int        `json:"v"`
	Kind   string     `json:"kind"` // "root" or "authority"
	ID     string     `json:"id"`
	Root   *seal.Root `json:"root,omitempty"` // with kind "root"
	Salt   []byte     `json:"salt"`           // 16 bytes
	Nonce  []byte     `json:"nonce"`          // 24 bytes
	Sealed []byte     `json:"sealed"`
}

const (
	kindRoot      = "root"
	kindAuthority = "authority"
)

// RFC 9106, section 4, second recommended option. They belong to version 0 of
// the file: whoever can write it cannot make the passphrase cheaper to guess.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	saltBytes    = 16
)

// vault opens and closes key files under one passphrase. Deriving a key takes a
// tenth of a second on purpose, so files written together share their salt and
// a signer of two hundred communes still starts at once.
type vault struct {
	passphrase []byte
	root       seal.Root
	salt       []byte
	derived    []byte // for salt
}

// newVault refuses an empty passphrase for all but a demonstration.
func newVault(passphrase []byte, root seal.Root) (*vault, error) {
	if len(passphrase) == 0 && !root.Demo {
		return nil, loa.Errorf(loa.Invalid, "signer.no_passphrase")
	}
	return &vault{passphrase: passphrase, root: root}, nil
}

func (v *vault) derive(salt []byte) []byte {
	if !bytes.Equal(salt, v.salt) {
		v.salt = salt
		v.derived = argon2.IDKey(v.passphrase, salt, argonTime, argonMemory, argonThreads, chacha20poly1305.KeySize)
	}
	return v.derived
}

func (v *vault) about(f keyFile) []byte {
	return fmt.Appendf(nil, "loa key v0\n%s\n%s\n%s\n", f.Kind, f.ID, v.root.Fingerprint())
}

func (v *vault) close(k seal.Key, kind string) (keyFile, error) {
	f := keyFile{Kind: kind, ID: k.ID, Salt: v.salt, Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	if f.Salt == nil {
		f.Salt = make([]byte, saltBytes)
		if _, err := rand.Read(f.Salt); err != nil {
			return f, fmt.Errorf("close key: %w", err)
		}
	}
	if _, err := rand.Read(f.Nonce); err != nil {
		return f, fmt.Errorf("close key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(v.derive(f.Salt))
	if err != nil {
		return f, fmt.Errorf("close key: %w", err)
	}
	f.Sealed = aead.Seal(nil, f.Nonce, k.Seed(), v.about(f))
	return f, nil
}

func (v *vault) open(f keyFile, kind string) (seal.Key, error) {
	if f.V != 0 || f.Kind != kind || len(f.Salt) != saltBytes || len(f.Nonce) != chacha20poly1305.NonceSizeX {
		return seal.Key{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	aead, err := chacha20poly1305.NewX(v.derive(f.Salt))
	if err != nil {
		return seal.Key{}, fmt.Errorf("open key: %w", err)
	}
	seed, err := aead.Open(nil, f.Nonce, f.Sealed, v.about(f))
	if err != nil {
		return seal.Key{}, loa.Errorf(loa.Forbidden, "key.wrong_passphrase").Because(err)
	}
	k, err := seal.KeyFromSeed(seed)
	if err != nil {
		return seal.Key{}, err
	}
	if k.ID != f.ID {
		return seal.Key{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	return k, nil
}

// save puts a key into the folder's keys.
func (v *vault) save(dir string, k seal.Key) error {
	f, err := v.close(k, kindAuthority)
	if err != nil {
		return err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return writeFile(filepath.Join(dir, "keys", k.ID+".key"), b)
}

// held is a delegation whose one key is here.
type held struct {
	seal.Delegation
	key seal.Key
}

// ring is every delegation the signer knows and every key it can use.
type ring struct {
	root   seal.Root
	sealed [][]byte // delegations as they travel
	trust  *seal.Trust
	held   []held
}

func loadRoot(dir string) (seal.Root, error) {
	b, err := os.ReadFile(filepath.Join(dir, "root.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return seal.Root{}, loa.Errorf(loa.NotFound, "signer.not_initialised").Because(err)
	}
	if err != nil {
		return seal.Root{}, fmt.Errorf("read root: %w", err)
	}
	if b, err = unsummed(b); err != nil {
		return seal.Root{}, fmt.Errorf("read root: %w", err)
	}
	var root seal.Root
	if err := seal.Decode(b, seal.MaxDocument, &root); err != nil {
		return seal.Root{}, fmt.Errorf("read root: %w", err)
	}
	return root, nil
}

// loadRing opens the keys in dir and checks that every delegation there leads
// to the root, or to one before it.
func loadRing(dir string, v *vault, l lineage) (*ring, error) {
	keys := map[string]seal.Key{}
	err := eachFile(filepath.Join(dir, "keys"), ".key", func(b []byte) error {
		var f keyFile
		if err := seal.Decode(b, seal.MaxDocument, &f); err != nil {
			return err
		}
		k, err := v.open(f, kindAuthority)
		keys[k.ID] = k
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	sealed, err := readDelegations(dir)
	if err != nil {
		return nil, err
	}
	return l.ring(sealed, keys)
}

func readDelegations(dir string) (sealed [][]byte, err error) {
	err = eachFile(filepath.Join(dir, "delegations"), ".json", func(b []byte) error {
		sealed = append(sealed, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read delegations: %w", err)
	}
	return sealed, nil
}

// ring is what the lineage makes of the delegations in a folder.
func (l lineage) ring(sealed [][]byte, keys map[string]seal.Key) (*ring, error) {
	lead, err := l.believed(sealed)
	if err != nil {
		return nil, err
	}
	if lead, err = newest(lead); err != nil {
		return nil, err
	}
	return newRing(l.root, lead, keys)
}

// newest leaves out each delegation that another says again for as long and
// longer: a beacon has room for twelve.
func newest(sealed [][]byte) ([][]byte, error) {
	all := make([]seal.Delegation, len(sealed))
	for i, b := range sealed {
		var err error
		if all[i], err = readDelegation(b); err != nil {
			return nil, err
		}
	}
	var kept [][]byte
	for i, d := range all {
		said := false
		for j, o := range all {
			same := o.Role == d.Role && o.Threshold == d.Threshold && o.Delegate == d.Delegate && o.Epoch == d.Epoch &&
				slices.Equal(o.Keys, d.Keys) && slices.Equal(o.Paths, d.Paths) && slices.Equal(o.Classes, d.Classes)
			longer := o.From <= d.From && o.Until >= d.Until && (o.From < d.From || o.Until > d.Until || j < i)
			said = said || same && longer && i != j
		}
		if !said {
			kept = append(kept, sealed[i])
		}
	}
	return kept, nil
}

func newRing(root seal.Root, sealed [][]byte, keys map[string]seal.Key) (*ring, error) {
	trust, err := seal.NewTrust(root, sealed, 0)
	if err != nil {
		return nil, err
	}
	r := &ring{root: root, sealed: sealed, trust: trust}
	for _, b := range sealed {
		d, err := readDelegation(b)
		if err != nil {
			return nil, err
		}
		if d.Role != seal.Authority || d.Threshold != 1 {
			continue
		}
		for _, s := range d.Keys {
			pub, err := seal.DecodePublic(s)
			if err != nil {
				return nil, err
			}
			if k, here := keys[seal.KeyID(pub)]; here {
				r.held = append(r.held, held{d, k})
			}
		}
	}
	return r, nil
}

func readDelegation(b []byte) (seal.Delegation, error) {
	var d seal.Delegation
	o, err := seal.Open(b, seal.MaxDocument)
	if err != nil {
		return d, err
	}
	return d, seal.Decode(o.Payload, seal.MaxDocument, &d)
}

// best is the key that speaks for p at now (UTC milliseconds): the one
// delegated the longest path that covers p, and of those the one that lasts
// longest. delegates asks for one that may delegate further.
func (r *ring) best(p loa.Path, now int64, delegates bool) (held, error) {
	var found held
	depth := -1
	for _, h := range r.held {
		if now < h.From || now >= h.Until || delegates && !h.Delegate {
			continue
		}
		for _, q := range h.Paths {
			if q.Covers(p) && (len(q) > depth || len(q) == depth && h.Until > found.Until) {
				found, depth = h, len(q)
			}
		}
	}
	if depth < 0 {
		return found, loa.Errorf(loa.NotFound, "signer.no_key", string(p))
	}
	return found, nil
}

// own is the key delegated exactly p and nothing else, if it is here.
func (r *ring) own(p loa.Path) (held, bool) {
	var found held
	for _, h := range r.held {
		if slices.Equal(h.Paths, []loa.Path{p}) && h.Until > found.Until {
			found = h
		}
	}
	return found, found.Until > 0
}

// keys are the private keys here, by id.
func (r *ring) keys() map[string]seal.Key {
	all := map[string]seal.Key{}
	for _, h := range r.held {
		all[h.key.ID] = h.key
	}
	return all
}

// saveDelegation keeps a sealed delegation under its hash.
func saveDelegation(dir string, sealed []byte) error {
	return writeFile(filepath.Join(dir, "delegations", loa.Hash(sealed)+".json"), sealed)
}

// delegate has by promise that key may do what d says.
func delegate(d seal.Delegation, key, by seal.Key) ([]byte, error) {
	d.Kind, d.Keys, d.Threshold = "delegation", []string{seal.EncodePublic(key.Public)}, 1
	return redelegate(d, by)
}

// redelegate has by promise what d says, to the keys it names.
func redelegate(d seal.Delegation, by seal.Key) ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("delegate: %w", err)
	}
	return seal.Seal(seal.DelegationType, b, by)
}

// eachFile reads the files of a folder whose names end in suffix, by name.
func eachFile(dir, suffix string, use func([]byte) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != suffix {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := use(b); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}
