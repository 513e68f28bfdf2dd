package bulletin

// Beside the line: what each pole will say in the days to come.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// Ahead is one pole and what it is expected to do, by the functions its box will
// ask itself.
type Ahead struct {
	speaker.Stand
	Items []Foreseen
}

// Foreseen is one slot on one pole.
type Foreseen struct {
	wire.Expected
	Bulletin string // "" for a standing item of a session
	Title    string
}

// Sounds reports whether the pole will be heard.
func (f Foreseen) Sounds() bool { return f.Why == "" }

// End is the moment the sound ends, UTC ms.
func (f Foreseen) End() int64 { return f.Start + f.MS }

// lookBack is how long before the first day readings are counted: no bulletin
// lives longer in practice, and a speaker forgets what is over.
const lookBack = 31 * 24 * time.Hour

// Foresee says what every pole at or below a place will do between two
// moments. The place lies in a commune or is one.
func (f *Flow) Foresee(ctx context.Context, who loa.Actor, place loa.Path, from, until time.Time) (all []Ahead, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return nil, err
	}
	if place.Commune() == "" {
		return nil, loa.Errorf(loa.Invalid, "unit.not_commune", string(place))
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		stands, err := speaker.Stands(tx, place)
		if err != nil {
			return err
		}
		all, err = ahead(tx, place.Commune(), stands, from, until)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("foresee: %w", err)
	}
	return all, nil
}

// AtPole foresees one pole by its public code, for whoever stands under it: what
// a notice board says too.
func (f *Flow) AtPole(ctx context.Context, code string, from, until time.Time) (a Ahead, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		pole, err := speaker.PoleAt(tx, code)
		if err != nil {
			return err
		}
		stands, err := speaker.Stands(tx, pole.Path)
		if err != nil {
			return err
		}
		stands = slices.DeleteFunc(stands, func(s speaker.Stand) bool { return s.Pole.ID != pole.ID })
		all, err := ahead(tx, pole.Path.Commune(), stands, from, until)
		if err != nil || len(all) == 0 {
			return err
		}
		a = all[0]
		return nil
	})
	if err != nil {
		return Ahead{}, fmt.Errorf("foresee pole: %w", err)
	}
	return a, nil
}

// Neighbours foresees the poles of other communes that stand within reach of
// those given: what is heard beside them.
func (f *Flow) Neighbours(ctx context.Context, ours []Ahead, commune loa.Path, from, until time.Time) (all []Ahead, err error) {
	low, high, ok := corners(ours)
	if !ok {
		return nil, nil
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		stands, err := speaker.StandsBetween(tx, low, high, commune)
		if err != nil {
			return err
		}
		byCommune := map[loa.Path][]speaker.Stand{}
		for _, s := range stands {
			byCommune[s.Pole.Path.Commune()] = append(byCommune[s.Pole.Path.Commune()], s)
		}
		for _, c := range slices.Sorted(mapKeys(byCommune)) {
			theirs, err := ahead(tx, c, byCommune[c], from, until)
			if err != nil {
				return err
			}
			all = append(all, theirs...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("foresee neighbours: %w", err)
	}
	return all, nil
}

func mapKeys[V any](m map[loa.Path]V) func(func(loa.Path) bool) {
	return func(yield func(loa.Path) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// corners is the smallest box on the map that holds every pole and what is
// within reach of one.
func corners(all []Ahead) (low, high wire.Point, ok bool) {
	const reach = Reach * 10 // microdegrees of latitude are 0.11 m, of longitude here at least 0.1 m
	for _, a := range all {
		at := a.Placement.At
		if at == nil {
			continue
		}
		if !ok {
			low, high, ok = *at, *at, true
		}
		low = wire.Point{Lat: min(low.Lat, at.Lat), Lon: min(low.Lon, at.Lon)}
		high = wire.Point{Lat: max(high.Lat, at.Lat), Lon: max(high.Lon, at.Lon)}
	}
	return wire.Point{Lat: low.Lat - reach, Lon: low.Lon - reach}, wire.Point{Lat: high.Lat + reach, Lon: high.Lon + reach}, ok
}

// ahead foresees the given poles of one commune.
func ahead(tx *db.Tx, commune loa.Path, stands []speaker.Stand, from, until time.Time) ([]Ahead, error) {
	slots, err := planSlots(tx, commune, from.Add(-lookBack).UnixMilli(), until.UnixMilli(), "", "")
	if err != nil {
		return nil, err
	}
	warrants, titles, err := warrantsOf(tx, slots)
	if err != nil {
		return nil, err
	}
	paths := []loa.Path{commune}
	for _, s := range stands {
		paths = append(paths, s.Placement.Paths[0])
	}
	policies, err := speaker.PoliciesFor(tx, paths)
	if err != nil {
		return nil, err
	}
	plan := wire.Plan{Path: commune, Until: until.UnixMilli()}
	if plan.Mutes, err = speaker.PlanMutes(tx, commune, plan.Until); err != nil {
		return nil, err
	}
	played := map[string]wire.Plays{}
	for _, s := range slots {
		if s.Start >= from.UnixMilli() {
			plan.Slots = append(plan.Slots, s)
			continue
		}
		if w, ok := warrants[s.Warrant]; ok {
			played[s.Warrant], _ = played[s.Warrant].Add(s, w)
		}
	}
	all := make([]Ahead, len(stands))
	for i, s := range stands {
		all[i].Stand = s
		for _, e := range wire.Expect(plan, warrants, s.Placement, policies, played) {
			t := titles[e.Slot.Warrant]
			all[i].Items = append(all[i].Items, Foreseen{e, t.id, cmp.Or(t.title, e.Warrant.Title)})
		}
	}
	return all, nil
}

// titled is the bulletin a warrant belongs to.
type titled struct{ id, title string }

// warrantsOf opens the warrants some slots name, and finds their bulletins.
func warrantsOf(tx *db.Tx, slots []wire.Slot) (map[string]wire.Warrant, map[string]titled, error) {
	warrants, titles := map[string]wire.Warrant{}, map[string]titled{}
	var hashes []any
	for _, s := range slots {
		if _, ok := titles[s.Warrant]; !ok {
			titles[s.Warrant] = titled{}
			hashes = append(hashes, s.Warrant)
		}
	}
	for len(hashes) > 0 {
		some := hashes[:min(len(hashes), 100)]
		hashes = hashes[len(some):]
		_, err := db.All(tx, `SELECT document.hash, document.body, COALESCE(bulletin.id, ''), COALESCE(bulletin.title, '')
			FROM document LEFT JOIN bulletin ON bulletin.warrant = document.hash
			WHERE document.hash IN (?`+strings.Repeat(", ?", len(some)-1)+`)`, some,
			func(scan func(...any) error) (struct{}, error) {
				var hash string
				var body []byte
				var t titled
				if err := scan(&hash, &body, &t.id, &t.title); err != nil {
					return struct{}{}, err
				}
				o, err := seal.Open(body, seal.MaxDocument)
				if err != nil {
					return struct{}{}, err
				}
				warrants[hash], err = wire.ReadWarrant(o.Payload)
				titles[hash] = t
				return struct{}{}, err
			})
		if err != nil {
			return nil, nil, fmt.Errorf("read warrants: %w", err)
		}
	}
	return warrants, titles, nil
}
