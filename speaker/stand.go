package speaker

import (
	"fmt"
	"strings"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/wire"
)

// Stand is one pole with what its box goes by: the sealed placement it holds or,
// where none is placed yet, what the register would have sealed.
type Stand struct {
	Pole      Pole
	Box       string // "" where none is placed
	Placement wire.Placement
}

// Stands lists the poles at or below a place, by name.
func Stands(tx *db.Tx, place loa.Path) ([]Stand, error) {
	from, to := db.PrefixRange(string(place))
	return stands(tx, `(pole.path = ? OR (pole.path >= ? AND pole.path < ?))`, place, from, to)
}

// StandsBetween lists the poles of other communes between two corners on the
// map: whose loudspeakers may be heard here too.
func StandsBetween(tx *db.Tx, low, high wire.Point, besides loa.Path) ([]Stand, error) {
	from, to := db.PrefixRange(string(besides))
	return stands(tx, `pole.lat BETWEEN ? AND ? AND pole.lon BETWEEN ? AND ? AND pole.path <> ? AND NOT (pole.path >= ? AND pole.path < ?)`,
		low.Lat, high.Lat, low.Lon, high.Lon, besides, from, to)
}

func stands(tx *db.Tx, where string, args ...any) ([]Stand, error) {
	all, err := db.All(tx, `SELECT COALESCE(box.id, ''), box.placement, `+poleColumns+` FROM pole
		LEFT JOIN box ON box.pole_id = pole.id AND box.state = ? WHERE pole.removed_at IS NULL AND `+where+`
		ORDER BY pole.path, pole.name, pole.id, box.id`, append([]any{Placed}, args...),
		func(scan func(...any) error) (s Stand, err error) {
			var l loose
			var sealed []byte
			if err := scan(append([]any{&s.Box, &sealed}, s.Pole.fields(&l)...)...); err != nil {
				return s, err
			}
			if err := s.Pole.finish(l); err != nil {
				return s, err
			}
			if len(sealed) == 0 {
				p := s.Pole
				s.Placement = wire.Placement{V: wire.Version, Kind: "placement", Pole: p.ID, Code: p.Code, Name: p.Name,
					Paths: p.paths(), At: p.At, Cap: p.Cap, Volumes: p.Volumes}
				return s, nil
			}
			s.Placement, err = openPlacement(sealed)
			return s, err
		})
	if err != nil {
		return nil, fmt.Errorf("list poles: %w", err)
	}
	return all, nil
}

// PoliciesFor reads the policies that hold for any of some places, in one
// statement: each decides for itself whom it covers.
func PoliciesFor(tx *db.Tx, places []loa.Path) ([]wire.Policy, error) {
	seen := map[loa.Path]bool{}
	var args []any
	for _, p := range places {
		for _, q := range p.Up() {
			if !seen[q] {
				seen[q] = true
				args = append(args, string(q))
			}
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	all, err := db.All(tx, `SELECT document.body FROM policy JOIN document ON document.hash = policy.hash
		WHERE policy.path IN (?`+strings.Repeat(", ?", len(args)-1)+`) ORDER BY policy.path`, args,
		func(scan func(...any) error) (p wire.Policy, err error) {
			var b []byte
			if err := scan(&b); err != nil {
				return p, err
			}
			o, err := seal.Open(b, seal.MaxDocument)
			if err != nil {
				return p, err
			}
			return wire.ReadPolicy(o.Payload)
		})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return all, nil
}
