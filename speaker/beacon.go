package speaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/wire"
)

// BeaconEvery is how often a commune's beacon is made when nothing changes.
const BeaconEvery = 30 * time.Second

// WriteBeacon seals what is current in a commune, keeps it as the static file
// devices pull, and returns it for the doors.
func WriteBeacon(tx *db.Tx, keys Keys, commune loa.Path) (journal.Emit, error) {
	if err := lockCommune(tx, commune); err != nil {
		return journal.Emit{}, err
	}
	b := wire.Beacon{V: wire.Version, Kind: "beacon", Path: commune, Time: tx.NowMS(),
		Now: []string{}, Policies: []string{}, Trust: []string{}}
	if err := tx.Row(`SELECT plan, plan_version, beacon_number, placements, epoch,
			COALESCE((SELECT fingerprint FROM root_rotation ORDER BY version DESC LIMIT 1), '') FROM commune WHERE path = ?`, commune).
		Scan(&b.Plan, &b.PlanVersion, &b.Number, &b.Placements, &b.Epoch, &b.Root); err != nil {
		return journal.Emit{}, fmt.Errorf("read commune: %w", err)
	}
	b.Number = rise(tx, b.Number)
	up := commune.Up()
	slices.Reverse(up)
	for _, p := range up {
		policies, err := db.All(tx, `SELECT hash FROM policy WHERE path = ?`, []any{p}, scanText)
		if err != nil {
			return journal.Emit{}, fmt.Errorf("read policies: %w", err)
		}
		trust, err := db.All(tx, `SELECT hash FROM delegation WHERE path = ? AND until > ? ORDER BY hash`, []any{p, tx.NowMS()}, scanText)
		if err != nil {
			return journal.Emit{}, fmt.Errorf("read delegations: %w", err)
		}
		b.Policies, b.Trust = append(b.Policies, policies...), append(b.Trust, trust...)
		var set string
		err = tx.Row(`SELECT hash FROM phrase_set WHERE path = ?`, p).Scan(&set)
		if err != nil && !errors.Is(err, db.ErrNone) {
			return journal.Emit{}, fmt.Errorf("read phrases: %w", err)
		}
		b.Phrases = cmp.Or(set, b.Phrases) // the nearest place's
		var mark int64
		err = tx.Row(`SELECT seq FROM now_mark WHERE path = ?`, p).Scan(&mark)
		if err != nil && !errors.Is(err, db.ErrNone) {
			return journal.Emit{}, fmt.Errorf("read mark: %w", err)
		}
		b.Mark = max(b.Mark, mark)
	}
	live, err := liveNow(tx, commune)
	if err != nil {
		return journal.Emit{}, err
	}
	b.Now = append(b.Now, live...)
	if b.Release, err = offered(tx, commune); err != nil {
		return journal.Emit{}, err
	}
	if err := b.Check(); err != nil {
		return journal.Emit{}, err
	}
	payload, err := wire.Encode(b)
	if err != nil {
		return journal.Emit{}, err
	}
	sealed, err := seal.Seal(wire.BeaconType, payload, keys.Beacon)
	if err != nil {
		return journal.Emit{}, err
	}
	if _, err := tx.Exec(`UPDATE commune SET beacon = ?, beacon_number = ? WHERE path = ?`, sealed, b.Number, commune); err != nil {
		return journal.Emit{}, fmt.Errorf("write beacon: %w", err)
	}
	return journal.Emit{Topic: wire.BeaconTopic(commune), Body: sealed}, nil
}

// liveNow lists the now warrants that mean the commune and still hold: those
// whose scope lies above it or below it.
func liveNow(tx *db.Tx, commune loa.Path) ([]string, error) {
	up := commune.Up()
	args := []any{tx.NowMS()}
	for _, p := range up {
		args = append(args, p)
	}
	from, to := db.PrefixRange(string(commune))
	args = append(args, from, to)
	live, err := db.All(tx, `SELECT DISTINCT hash, rank FROM now_warrant WHERE until > ? AND (path IN (?`+
		strings.Repeat(", ?", len(up)-1)+`) OR (path >= ? AND path < ?)) ORDER BY rank, hash LIMIT 32`, args,
		func(scan func(...any) error) (hash string, err error) {
			var rank int64
			return hash, scan(&hash, &rank)
		})
	if err != nil {
		return nil, fmt.Errorf("read now warrants: %w", err)
	}
	return live, nil
}

// beaconsTogether is of how many communes one transaction makes the beacons:
// whoever writes next waits for it, and a warning may be next.
const beaconsTogether = 10

// Beacons makes the beacon of every commune that has devices: the job of one
// process, every BeaconEvery.
func (r *Register) Beacons(ctx context.Context) (all []journal.Emit, err error) {
	var communes []string
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		communes, err = db.All(tx, `SELECT path FROM commune ORDER BY path`, nil, scanText)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make beacons: %w", err)
	}
	for some := range slices.Chunk(communes, beaconsTogether) {
		var made []journal.Emit
		err := r.DB.Write(ctx, func(tx *db.Tx) error {
			made = nil
			for _, c := range some {
				emit, err := WriteBeacon(tx, r.Keys, loa.Path(c))
				if err != nil {
					return err
				}
				made = append(made, emit)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("make beacons: %w", err)
		}
		all = append(all, made...)
	}
	return all, nil
}

// Beacon is the current beacon of a commune.
func (r *Register) Beacon(ctx context.Context, commune loa.Path) (b []byte, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.Row(`SELECT beacon FROM commune WHERE path = ?`, commune).Scan(&b)
		if errors.Is(err, db.ErrNone) || err == nil && b == nil {
			return loa.Errorf(loa.NotFound, "unit.unknown", string(commune))
		}
		return err
	})
	return b, err
}
