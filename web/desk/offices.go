package desk

import (
	"net/http"
	"slices"

	"loa"
	"loa/office"
	"loa/web"
)

// officesPage is the register of offices of a place (cơ quan, đơn vị).
type officesPage struct {
	Place named
	Near  []named
	Rows  []officeRow
	Typed office.Office // what could not be added
}

// officeRow is an office with what it works for, in words.
type officeRow struct {
	office.Office
	Where  named
	Serves []named
}

// Kinds is every kind.
func (officesPage) Kinds() []office.Kind { return office.Kinds() }

func (d *desk) officesData(r *http.Request) (page officesPage, err error) {
	ctx, at := r.Context(), managed(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Near, err = d.near(r, at); err != nil {
		return page, err
	}
	// Those that lie here, and those from elsewhere that work for this place: one
	// culture centre may serve three communes.
	all, err := d.Offices.List(ctx, at)
	if err != nil {
		return page, err
	}
	serving, err := d.Offices.Serving(ctx, at)
	if err != nil {
		return page, err
	}
	for _, o := range serving {
		if !slices.ContainsFunc(all, func(x office.Office) bool { return x.ID == o.ID }) {
			all = append(all, o)
		}
	}
	for _, o := range all {
		where, err := d.named(ctx, o.Path)
		if err != nil {
			return page, err
		}
		row := officeRow{o, where[0], nil}
		if !slices.Equal(o.Serves, []loa.Path{o.Path}) {
			if row.Serves, err = d.named(ctx, o.Serves...); err != nil {
				return page, err
			}
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

func (d *desk) offices(w http.ResponseWriter, r *http.Request) error {
	page, err := d.officesData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "offices", "offices.title", page)
}

func (d *desk) addOffice(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	o := office.Office{Kind: office.Kind(r.PostFormValue("kind")), Name: r.PostFormValue("name"), Path: managed(r)}
	for _, p := range r.PostForm["serves"] {
		o.Serves = append(o.Serves, loa.Path(p))
	}
	_, err := d.Offices.Add(r.Context(), web.Actor(r), o)
	if err != nil {
		page, again := d.officesData(r)
		if again != nil {
			return err
		}
		page.Typed = o
		return d.Site.Refuse(w, r, d.pages, "offices", "offices.title", page, err)
	}
	return d.done(w, r, "/offices?path="+string(o.Path))
}

func (d *desk) closeOffice(w http.ResponseWriter, r *http.Request) error {
	o, err := d.Offices.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := d.Offices.Close(r.Context(), web.Actor(r), o.ID); err != nil {
		return err
	}
	return d.done(w, r, "/offices?path="+string(o.Path))
}
