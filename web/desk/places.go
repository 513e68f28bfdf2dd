package desk

import (
	"net/http"
	"slices"
	"strings"

	"loa"
	"loa/speaker"
	"loa/unit"
	"loa/web"
)

// placesPage is địa bàn: the hamlets of a commune and its nhóm cụm loa.
type placesPage struct {
	Place   named
	Places  []named
	Units   []counted
	Former  []counted
	Zones   []zoned
	Types   []kind
	Usual   unit.Type // what most hamlets here are called
	Outside int       // poles that stand in no hamlet
}

// counted is a place with the number of its poles.
type counted struct {
	unit.Unit
	Poles int
}

// zoned is a zone with the poles in it.
type zoned struct {
	speaker.Zone
	Poles []speaker.Pole
	Made  []named // its members by name
}

// kind is a kind of hamlet to choose.
type kind struct {
	Key  unit.Type
	Word string
}

// communeOf is the commune a page of places looks at: the one asked for, or the
// first below the reader's place.
func (d *desk) communeOf(r *http.Request) (loa.Path, error) {
	at := place(r)
	if c := at.Commune(); c != "" {
		return c, nil
	}
	below, err := d.Units.Children(r.Context(), at)
	if err != nil {
		return "", err
	}
	for _, u := range below {
		if u.Level == unit.Commune {
			return u.Path, nil
		}
	}
	return "", loa.Errorf(loa.NotFound, "unit.not_commune", string(at))
}

func (d *desk) placesPage(w http.ResponseWriter, r *http.Request) error {
	commune, err := d.communeOf(r)
	if err != nil {
		return err
	}
	page, err := d.placesData(r, commune)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "places", "places.title", page)
}

func (d *desk) placesData(r *http.Request, commune loa.Path) (page placesPage, err error) {
	ctx := r.Context()
	if err := web.Actor(r).Must(loa.RightRead, commune); err != nil {
		return page, err
	}
	names, err := d.named(ctx, commune)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.communes(r); err != nil {
		return page, err
	}
	below, err := d.Units.Children(ctx, commune)
	if err != nil {
		return page, err
	}
	poles, err := d.Speakers.Within(ctx, commune, speaker.Zone{Members: []loa.Path{commune}})
	if err != nil {
		return page, err
	}
	page.Outside = len(poles)
	usual := map[unit.Type]int{}
	for _, u := range below {
		c := counted{Unit: u}
		for _, p := range poles {
			if u.Path.Covers(p.Path) || slices.Contains(p.Zones, u.Path) {
				c.Poles++
			}
		}
		switch u.Level {
		case unit.Hamlet:
			page.Units = append(page.Units, c)
			page.Outside -= c.Poles
			if usual[u.Type]++; usual[u.Type] > usual[page.Usual] {
				page.Usual = u.Type
			}
		case unit.Former:
			page.Former = append(page.Former, c)
		}
	}
	for _, t := range unit.Types(unit.Hamlet) {
		page.Types = append(page.Types, kind{t, unit.FormOf(t)})
	}
	zones, err := d.Speakers.Zones(ctx, commune)
	if err != nil {
		return page, err
	}
	for _, z := range zones {
		one := zoned{Zone: z}
		if one.Poles, err = d.Speakers.Within(ctx, commune, z); err != nil {
			return page, err
		}
		if one.Made, err = d.named(ctx, z.Members...); err != nil {
			return page, err
		}
		page.Zones = append(page.Zones, one)
	}
	return page, nil
}

// communes is every commune the reader may look at.
func (d *desk) communes(r *http.Request) (all []named, err error) {
	for _, at := range web.Actor(r).Places(loa.RightRead) {
		if c := at.Commune(); c != "" {
			names, err := d.named(r.Context(), c)
			if err != nil {
				return nil, err
			}
			all = append(all, names...)
			continue
		}
		below, err := d.Units.Children(r.Context(), at)
		if err != nil {
			return nil, err
		}
		for _, u := range below {
			if u.Level == unit.Commune {
				all = append(all, named{u.Path, u.FullName()})
			}
		}
	}
	return slices.CompactFunc(all, func(a, b named) bool { return a.Path == b.Path }), nil
}

// atPlaces changes something of a commune's places and comes back to the page.
func (d *desk) atPlaces(w http.ResponseWriter, r *http.Request, do func(commune loa.Path) error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	commune, err := d.communeOf(r)
	if err != nil {
		return err
	}
	err = do(commune)
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, again := d.placesData(r, commune)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "places", "places.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/places?path="+string(commune))
}

func (d *desk) addHamlet(w http.ResponseWriter, r *http.Request) error {
	return d.atPlaces(w, r, func(commune loa.Path) error {
		_, err := d.Units.AddHamlet(r.Context(), web.Actor(r), commune, unit.Type(r.PostFormValue("type")), r.PostFormValue("name"))
		return err
	})
}

func (d *desk) renameHamlet(w http.ResponseWriter, r *http.Request) error {
	return d.atPlaces(w, r, func(loa.Path) error {
		return d.Units.Rename(r.Context(), web.Actor(r), loa.Path(r.PostFormValue("hamlet")), unit.Type(r.PostFormValue("type")), r.PostFormValue("name"))
	})
}

func (d *desk) endHamlet(w http.ResponseWriter, r *http.Request) error {
	return d.atPlaces(w, r, func(loa.Path) error {
		return d.Units.End(r.Context(), web.Actor(r), loa.Path(r.PostFormValue("hamlet")), speaker.CountAt)
	})
}

// zonePage is the form of a zone, with the poles that it would hold.
type zonePage struct {
	Place   named
	Zone    speaker.Zone
	Members []hamlet
	Poles   []pick
	In      []speaker.Pole
	Tried   bool
}

// pick is a pole to put beside a zone or to leave out of it.
type pick struct {
	speaker.Pole
	Where string
	How   string // "", plus, minus
}

func (d *desk) zone(w http.ResponseWriter, r *http.Request) error {
	commune, err := d.communeOf(r)
	if err != nil {
		return err
	}
	var z speaker.Zone
	if id := loa.Path(r.FormValue("zone")); id != "" {
		all, err := d.Speakers.Zones(r.Context(), commune)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(o speaker.Zone) bool { return o.Path == id })
		if i < 0 {
			return loa.Errorf(loa.NotFound, "unit.unknown", loa.Clip(string(id)))
		}
		z = all[i]
	}
	page, err := d.zoneData(r, commune, z)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "zone", "zone.title", page)
}

func (d *desk) zoneData(r *http.Request, commune loa.Path, z speaker.Zone) (page zonePage, err error) {
	ctx := r.Context()
	if err := web.Actor(r).Must(loa.RightSpeakers, commune); err != nil {
		return page, err
	}
	names, err := d.named(ctx, commune)
	if err != nil {
		return page, err
	}
	page = zonePage{Place: names[0], Zone: z, Tried: z.Path != ""}
	below, err := d.Units.Children(ctx, commune)
	if err != nil {
		return page, err
	}
	for _, u := range below {
		if u.Level == unit.Hamlet || u.Level == unit.Former {
			page.Members = append(page.Members, hamlet{named{u.Path, u.FullName()}, slices.Contains(z.Members, u.Path)})
		}
	}
	all, err := d.Speakers.Within(ctx, commune, speaker.Zone{Members: []loa.Path{commune}})
	if err != nil {
		return page, err
	}
	where := d.namer(ctx)
	for _, p := range all {
		one := pick{Pole: p}
		if one.Where, err = where(p.Path); err != nil {
			return page, err
		}
		switch {
		case slices.Contains(z.Plus, p.Code):
			one.How = "plus"
		case slices.Contains(z.Minus, p.Code):
			one.How = "minus"
		}
		page.Poles = append(page.Poles, one)
	}
	page.In, err = d.Speakers.Within(ctx, commune, z)
	return page, err
}

// saveZone writes a zone, or with do=try only shows what it would hold.
func (d *desk) saveZone(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	commune, err := d.communeOf(r)
	if err != nil {
		return err
	}
	z := speaker.Zone{Path: loa.Path(r.PostFormValue("zone")), Name: r.PostFormValue("name")}
	for _, m := range r.PostForm["member"] {
		z.Members = append(z.Members, loa.Path(m))
	}
	for key, values := range r.PostForm {
		code, ok := strings.CutPrefix(key, "pole.")
		switch {
		case ok && values[0] == "plus":
			z.Plus = append(z.Plus, code)
		case ok && values[0] == "minus":
			z.Minus = append(z.Minus, code)
		}
	}
	if r.PostFormValue("do") != "try" {
		_, err = d.Speakers.SaveZone(r.Context(), web.Actor(r), commune, z)
		if err == nil {
			return d.done(w, r, "/places?path="+string(commune))
		}
		if code := loa.CodeOf(err); code != loa.Invalid && code != loa.Conflict {
			return err
		}
	}
	page, again := d.zoneData(r, commune, z)
	if again != nil {
		return again
	}
	page.Tried = true
	if err != nil {
		return d.Site.Refuse(w, r, d.pages, "zone", "zone.title", page, err)
	}
	return d.Site.Page(w, r, d.pages, "zone", "zone.title", page)
}

func (d *desk) endZone(w http.ResponseWriter, r *http.Request) error {
	return d.atPlaces(w, r, func(loa.Path) error {
		return d.Speakers.EndZone(r.Context(), web.Actor(r), loa.Path(r.PostFormValue("zone")))
	})
}
