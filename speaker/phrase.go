package speaker

import (
	"errors"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/wire"
)

// PhrasesOf is the phrase set of a place itself; not_found if it has none of its own.
func PhrasesOf(tx *db.Tx, place loa.Path) (s wire.PhraseSet, err error) {
	var b []byte
	err = tx.Row(`SELECT body FROM document WHERE hash = (SELECT hash FROM phrase_set WHERE path = ?)`, place).Scan(&b)
	if errors.Is(err, db.ErrNone) {
		return s, loa.Errorf(loa.NotFound, "phrases.none")
	}
	if err != nil {
		return s, fmt.Errorf("read phrases: %w", err)
	}
	o, err := seal.Open(b, wire.MaxPhrases)
	if err != nil {
		return s, err
	}
	return wire.ReadPhrases(o.Payload)
}

// PhrasesFor is the set that the speakers of a place keep: its own, or that of the
// nearest place above.
func PhrasesFor(tx *db.Tx, place loa.Path) (s wire.PhraseSet, err error) {
	for _, p := range place.Up() {
		if s, err = PhrasesOf(tx, p); loa.CodeOf(err) != loa.NotFound {
			return s, err
		}
	}
	return s, err
}

// HoldPhrases keeps a sealed phrase set and returns the beacons of the communes
// below its place, which name it from now on.
func HoldPhrases(tx *db.Tx, keys Keys, s wire.PhraseSet, sealed []byte) (emits []journal.Emit, err error) {
	hash, err := Keep(tx, wire.PhrasesType, s.Path, sealed)
	if err != nil {
		return nil, err
	}
	n, err := tx.Exec(`INSERT INTO phrase_set (path, version, hash) VALUES (?, ?, ?)
		ON CONFLICT (path) DO UPDATE SET version = excluded.version, hash = excluded.hash
		WHERE phrase_set.version < excluded.version`, s.Path, s.Version, hash)
	if err != nil {
		return nil, fmt.Errorf("hold phrases: %w", err)
	}
	if n == 0 {
		return nil, loa.Errorf(loa.Conflict, "phrases.old_version", s.Version)
	}
	return beaconsUnder(tx, keys, s.Path)
}

// beaconsUnder writes the beacon of every commune at a place anew.
func beaconsUnder(tx *db.Tx, keys Keys, place loa.Path) (emits []journal.Emit, err error) {
	from, to := db.PrefixRange(string(place))
	communes, err := db.All(tx, `SELECT path FROM commune WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path`,
		[]any{place, from, to}, scanText)
	if err != nil {
		return nil, err
	}
	for _, c := range communes {
		emit, err := WriteBeacon(tx, keys, loa.Path(c))
		if err != nil {
			return nil, err
		}
		emits = append(emits, emit)
	}
	return emits, nil
}
