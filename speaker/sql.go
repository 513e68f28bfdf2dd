package speaker

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/seal"
	"loa/wire"
)

func scanText(scan func(...any) error) (s string, err error) { return s, scan(&s) }

const poleWrite = `path, name, name_fold, name_sort, zones, lat, lon, cap, volumes, technology, vendor, model, serial, iccid, carrier,
	horns, watts, power, owner, installed, sensitive, note, sim_until, changed_at`

// row is a pole as poleWrite has it.
func (p Pole) row(tx *db.Tx) []any {
	var lat, lon any
	if p.At != nil {
		lat, lon = p.At.Lat, p.At.Lon
	}
	zones := make([]string, len(p.Zones))
	for i, z := range p.Zones {
		zones[i] = string(z)
	}
	volumes := make([]string, len(p.Volumes))
	for i, v := range p.Volumes {
		volumes[i] = fmt.Sprintf("%d %d %d", v.From, v.Until, v.Percent)
	}
	return []any{string(p.Path), p.Name, lang.Fold(p.Name + " " + p.Code + " " + p.Serial), lang.SortKey(p.Name), strings.Join(zones, "\n"), lat, lon, p.Cap,
		strings.Join(volumes, "\n"), p.Technology, p.Vendor, p.Model, p.Serial, p.ICCID, p.Carrier, p.Horns, p.Watts, p.Power, p.Owner,
		p.Installed, p.Sensitive, p.Note, p.SIMUntil, tx.NowMS()}
}

func insertPoles(tx *db.Tx, poles ...Pole) error {
	columns := append([]string{"id", "code", "created_at"}, strings.Split(strings.Join(strings.Fields(poleWrite), ""), ",")...)
	rows := make([][]any, len(poles))
	for i, p := range poles {
		rows[i] = append([]any{p.ID, p.Code, tx.NowMS()}, p.row(tx)...)
	}
	return tx.Insert("pole", columns, rows)
}

// updatePole writes everything about a pole but its id and code.
func updatePole(tx *db.Tx, p Pole) error {
	row := p.row(tx)
	_, err := tx.Exec(`UPDATE pole SET (`+poleWrite+`) = (?`+strings.Repeat(", ?", len(row)-1)+`) WHERE id = ?`, append(row, p.ID)...)
	return err
}

const poleColumns = `pole.id, pole.code, pole.path, pole.name, pole.zones, pole.lat, pole.lon, pole.cap, pole.volumes, pole.technology,
	pole.vendor, pole.model, pole.serial, pole.iccid, pole.carrier, pole.horns, pole.watts, pole.power, pole.owner, pole.installed,
	pole.sensitive, pole.note, pole.sim_until`

// loose is what of a pole is not scanned straight into it.
type loose struct {
	zones, volumes string
	lat, lon       *int64
}

func (p *Pole) fields(l *loose) []any {
	return []any{&p.ID, &p.Code, &p.Path, &p.Name, &l.zones, &l.lat, &l.lon, &p.Cap, &l.volumes, &p.Technology, &p.Vendor, &p.Model,
		&p.Serial, &p.ICCID, &p.Carrier, &p.Horns, &p.Watts, &p.Power, &p.Owner, &p.Installed, &p.Sensitive, &p.Note, &p.SIMUntil}
}

func (p *Pole) finish(l loose) error {
	for z := range strings.Lines(l.zones) {
		p.Zones = append(p.Zones, loa.Path(strings.TrimSpace(z)))
	}
	for line := range strings.Lines(l.volumes) {
		var v wire.Volume
		if _, err := fmt.Sscan(line, &v.From, &v.Until, &v.Percent); err != nil {
			return fmt.Errorf("read volumes of a pole: %w", err)
		}
		p.Volumes = append(p.Volumes, v)
	}
	if l.lat != nil && l.lon != nil {
		p.At = &wire.Point{Lat: *l.lat, Lon: *l.lon}
	}
	return nil
}

func scanPole(scan func(...any) error) (p Pole, err error) {
	var l loose
	if err := scan(p.fields(&l)...); err != nil {
		return p, err
	}
	return p, p.finish(l)
}

func onePole(tx *db.Tx, where string, arg any) (Pole, error) {
	p, err := scanPole(tx.Row(`SELECT `+poleColumns+` FROM pole WHERE removed_at IS NULL AND `+where, arg).Scan)
	if errors.Is(err, db.ErrNone) {
		return p, loa.Errorf(loa.NotFound, "pole.unknown")
	}
	return p, err
}

func findPole(tx *db.Tx, id string) (Pole, error) { return onePole(tx, `id = ?`, id) }

func poleByCode(tx *db.Tx, code string) (Pole, error) { return onePole(tx, `code = ?`, code) }

func barePoles(tx *db.Tx, place loa.Path) ([]Pole, error) {
	from, to := db.PrefixRange(string(place))
	return db.All(tx, `SELECT `+poleColumns+` FROM pole WHERE removed_at IS NULL AND (path = ? OR (path >= ? AND path < ?))
		AND NOT EXISTS (SELECT 1 FROM box WHERE box.pole_id = pole.id AND box.state = ?) ORDER BY path, name, id`,
		[]any{place, from, to, Placed}, scanPole)
}

func insertBox(tx *db.Tx, b Box) error {
	_, err := tx.Exec(`INSERT INTO box (id, pole_id, path, public_key, state, version, made_at) VALUES (?, ?, ?, ?, ?, 0, ?)`,
		b.ID, b.Pole.ID, b.Pole.Path.Commune(), b.Key, b.State, tx.NowMS())
	return err
}

const boxQuery = `SELECT box.id, box.public_key, box.state, box.version, box.stale, box.mic, box.placed_at, box.revoked_at,
	COALESCE(health.at, 0), COALESCE(health.state, ''), COALESCE(health.slot, ''), COALESCE(health.warrant, ''),
	COALESCE(health.why, ''), COALESCE(health.volume, 0), COALESCE(health.disk_free, 0), COALESCE(health.offset_us, 0),
	COALESCE(health.clock, ''), COALESCE(health.plan, 0), COALESCE(health.version, ''), COALESCE(health.uptime, 0), ` + poleColumns + `
	FROM box JOIN pole ON pole.id = box.pole_id LEFT JOIN health ON health.box_id = box.id WHERE `

func scanBox(scan func(...any) error) (b Box, err error) {
	var l loose
	var stale, mic int
	h := &b.Health
	err = scan(append([]any{&b.ID, &b.Key, &b.State, &b.Version, &stale, &mic, &b.Placed, &b.Gone,
		&h.At, &h.State, &h.Slot, &h.Warrant, &h.Why, &h.Volume, &h.DiskFree, &h.OffsetUS, &h.Clock, &h.Plan, &h.Version, &h.Uptime},
		b.Pole.fields(&l)...)...)
	if err != nil {
		return b, err
	}
	if err := b.Pole.finish(l); err != nil {
		return b, err
	}
	b.Stale, b.Mic = stale == 1, mic == 1
	b.Check, err = checkOf(b.Key)
	return b, err
}

func checkOf(key string) (string, error) {
	pub, err := seal.DecodePublic(key)
	if err != nil {
		return "", err
	}
	return CheckDigits(pub), nil
}

func findBox(tx *db.Tx, id string) (Box, error) {
	b, err := scanBox(tx.Row(boxQuery+`box.id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return b, loa.Errorf(loa.NotFound, "box.unknown")
	}
	return b, err
}

func boxesUnder(tx *db.Tx, place loa.Path) ([]Box, error) {
	from, to := db.PrefixRange(string(place))
	return db.All(tx, boxQuery+`(pole.path = ? OR (pole.path >= ? AND pole.path < ?)) ORDER BY pole.path, pole.name, box.id`,
		[]any{place, from, to}, scanBox)
}

// KeyOf is the public key of a box, for its receipts. A box nobody confirmed has
// nothing to report; one that was taken away keeps its key: what it played
// before is still evidence.
func KeyOf(tx *db.Tx, box string) (ed25519.PublicKey, error) {
	var key string
	err := tx.Row(`SELECT public_key FROM box WHERE id = ? AND state <> ?`, box, Waiting).Scan(&key)
	if errors.Is(err, db.ErrNone) {
		return nil, loa.Errorf(loa.NotFound, "box.unknown")
	}
	if err != nil {
		return nil, err
	}
	return seal.DecodePublic(key)
}

// TakenAway is the version Revocations gives for a box that was taken away.
const TakenAway = 1 << 52

// Revocations lists the placement versions below which a sign-in is refused:
// every box with its current version, and a version above any for those taken
// away. The door keeps it in memory.
func Revocations(tx *db.Tx) (map[string]int64, error) {
	floors := map[string]int64{}
	_, err := db.All(tx, `SELECT id, version, state FROM box`, nil, func(scan func(...any) error) (struct{}, error) {
		var id, state string
		var version int64
		err := scan(&id, &version, &state)
		if state == Revoked {
			version = TakenAway
		}
		floors[id] = version
		return struct{}{}, err
	})
	return floors, err
}

// placements reads the placement of every placed box of the node.
func placements(tx *db.Tx) ([]wire.Placement, error) {
	return db.All(tx, `SELECT placement FROM box WHERE state = ? ORDER BY id`, []any{Placed}, scanPlacement)
}

func scanPlacement(scan func(...any) error) (p wire.Placement, err error) {
	var b []byte
	if err := scan(&b); err != nil {
		return p, err
	}
	return openPlacement(b)
}

// openPlacement reads a placement that this node sealed and keeps itself.
func openPlacement(b []byte) (wire.Placement, error) {
	o, err := seal.Open(b, seal.MaxDocument)
	if err != nil {
		return wire.Placement{}, err
	}
	return wire.ReadPlacement(o.Payload)
}

// lockCommune holds the commune's heads until the transaction ends, making the
// row the first time.
func lockCommune(tx *db.Tx, commune loa.Path) error {
	if commune.Commune() != commune || commune == "" {
		return loa.Errorf(loa.Invalid, "unit.not_commune", string(commune))
	}
	// An update that changes nothing takes the row's lock on PostgreSQL.
	if _, err := tx.Exec(`INSERT INTO commune (path) VALUES (?) ON CONFLICT (path) DO UPDATE SET path = excluded.path`, commune); err != nil {
		return fmt.Errorf("hold commune: %w", err)
	}
	return nil
}
