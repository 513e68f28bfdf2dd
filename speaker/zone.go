package speaker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/unit"
)

// Zone (nhóm cụm loa) is a named set of poles of one commune: hamlets and former
// communes, and poles beside them or left out of them. A speaker judges by its
// own sealed placement whether a bulletin for a zone means it, so an emergency
// reaches a zone without any list on the way; a change of the set reaches a
// speaker when an officer confirms its placement anew (Box.Stale).
type Zone struct {
	Path    loa.Path
	Name    string
	Members []loa.Path
	Plus    []string // public codes
	Minus   []string
}

// holds reports whether a pole belongs to the zone.
func (z Zone) holds(p Pole) bool {
	if slices.Contains(z.Minus, p.Code) {
		return false
	}
	return slices.Contains(z.Plus, p.Code) || slices.ContainsFunc(z.Members, func(m loa.Path) bool {
		return m.Covers(p.Path) || slices.ContainsFunc(p.Zones, m.Covers)
	})
}

// isZone reports whether a path is that of a zone and not of a former commune.
func isZone(p loa.Path) bool { return strings.Contains(string(p), "/z/") }

// zonesOf are the zones of a commune that exist now.
func zonesOf(tx *db.Tx, commune loa.Path) ([]Zone, error) {
	units, err := db.All(tx, `SELECT path, name FROM unit WHERE parent = ? AND level = 'zone' AND valid_to IS NULL ORDER BY name_sort, path`, []any{commune},
		func(scan func(...any) error) (z Zone, err error) { return z, scan(&z.Path, &z.Name) })
	if err != nil {
		return nil, err
	}
	for i := range units {
		z := &units[i]
		if z.Members, err = unit.Members(tx, z.Path); err != nil {
			return nil, err
		}
		_, err = db.All(tx, `SELECT pole, minus FROM zone_pole WHERE zone = ? ORDER BY pole`, []any{z.Path}, func(scan func(...any) error) (struct{}, error) {
			var code string
			var minus int
			err := scan(&code, &minus)
			if minus == 1 {
				z.Minus = append(z.Minus, code)
			} else {
				z.Plus = append(z.Plus, code)
			}
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return units, nil
}

// Zones are the zones of a commune.
func (r *Register) Zones(ctx context.Context, commune loa.Path) (all []Zone, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = zonesOf(tx, commune)
		return err
	})
	return all, err
}

// Within lists the poles of a commune that a zone holds, written down or not yet.
func (r *Register) Within(ctx context.Context, commune loa.Path, z Zone) (in []Pole, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		poles, err := polesUnder(tx, commune)
		in = slices.DeleteFunc(poles, func(p Pole) bool { return !z.holds(p) })
		return err
	})
	return in, err
}

// SaveZone writes a zone, a new one where its path is "". Poles that come or go
// with it are to be confirmed again.
func (r *Register) SaveZone(ctx context.Context, who loa.Actor, commune loa.Path, z Zone) (Zone, error) {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := lockCommune(tx, commune); err != nil {
			return journal.Entry{}, err
		}
		verb := "unit.zone_changed"
		if z.Path == "" {
			verb = "unit.zone_added"
		}
		if len(z.Members)+len(z.Plus) == 0 {
			return journal.Entry{}, loa.Errorf(loa.Invalid, "unit.zone_empty", z.Name)
		}
		u, err := unit.SaveZone(tx, who, commune, z.Path, z.Name, z.Members)
		if err != nil {
			return journal.Entry{}, err
		}
		z.Path, z.Name = u.Path, u.Name
		if _, err := tx.Exec(`DELETE FROM zone_pole WHERE zone = ?`, z.Path); err != nil {
			return journal.Entry{}, err
		}
		var rows [][]any
		for minus, codes := range [][]string{z.Plus, z.Minus} {
			for _, code := range slices.Compact(slices.Sorted(slices.Values(codes))) {
				p, err := poleByCode(tx, code)
				if err != nil {
					return journal.Entry{}, err
				}
				if p.Path.Commune() != commune || minus == 1 && slices.Contains(z.Plus, code) {
					return journal.Entry{}, loa.Errorf(loa.Invalid, "unit.member_outside", p.Name)
				}
				rows = append(rows, []any{string(z.Path), code, minus})
			}
		}
		if err := tx.Insert("zone_pole", []string{"zone", "pole", "minus"}, rows); err != nil {
			return journal.Entry{}, err
		}
		moved, err := rezone(tx, commune)
		return journal.Entry{Verb: verb, Path: z.Path, Subject: string(z.Path), Data: map[string]any{"zone": z, "moved": moved}}, err
	})
	if err != nil {
		return Zone{}, fmt.Errorf("save zone: %w", err)
	}
	return z, nil
}

// EndZone closes a zone now. Bulletins that were for it keep its name.
func (r *Register) EndZone(ctx context.Context, who loa.Actor, zone loa.Path) error {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		commune := zone.Commune()
		if err := who.Must(loa.RightSpeakers, commune); err != nil {
			return journal.Entry{}, err
		}
		if err := lockCommune(tx, commune); err != nil {
			return journal.Entry{}, err
		}
		n, err := tx.Exec(`UPDATE unit SET valid_to = ? WHERE path = ? AND level = 'zone' AND valid_to IS NULL AND valid_from < ?`, tx.NowMS(), zone, tx.NowMS())
		if err != nil {
			return journal.Entry{}, err
		}
		if n == 0 {
			return journal.Entry{}, loa.Errorf(loa.NotFound, "unit.unknown", loa.Clip(string(zone)))
		}
		moved, err := rezone(tx, commune)
		return journal.Entry{Verb: "unit.zone_ended", Path: zone, Subject: string(zone), Data: map[string]any{"moved": moved}}, err
	})
	if err != nil {
		return fmt.Errorf("end zone: %w", err)
	}
	return nil
}

// rezone writes anew which zones each pole of a commune lies in, and tells how
// many poles moved. It runs in every transaction that changes a pole or a zone.
func rezone(tx *db.Tx, commune loa.Path) (moved int, err error) {
	zones, err := zonesOf(tx, commune)
	if err != nil {
		return 0, err
	}
	poles, err := polesUnder(tx, commune)
	if err != nil {
		return 0, err
	}
	for _, p := range poles {
		var now []loa.Path
		for _, at := range p.Zones {
			if !isZone(at) {
				now = append(now, at)
			}
		}
		for _, z := range zones {
			if z.holds(p) {
				now = append(now, z.Path)
			}
		}
		if slices.Equal(now, p.Zones) {
			continue
		}
		if len(now) > maxZones {
			return 0, loa.Errorf(loa.Conflict, "pole.zones", p.Name, maxZones)
		}
		p.Zones = now
		if err := updatePole(tx, p); err != nil {
			return 0, err
		}
		if err := markStale(tx, p); err != nil {
			return 0, err
		}
		moved++
	}
	return moved, nil
}

// maxZones is how many further paths a placement carries beside the pole's own.
const maxZones = 15

// CountAt is how many poles lie at or below a place: what keeps a hamlet open.
func CountAt(tx *db.Tx, place loa.Path) (n int, err error) {
	from, to := db.PrefixRange(string(place))
	err = tx.Row(`SELECT COUNT(*) FROM pole WHERE removed_at IS NULL AND (path = ? OR (path >= ? AND path < ?))`, place, from, to).Scan(&n)
	return n, err
}
