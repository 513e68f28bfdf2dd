package desk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"loa"
	"loa/sheet"
	"loa/web"
)

// importPage is one register as a table: out, in, and what was sent lately.
type importPage struct {
	Register string
	Title    string // key of the catalogue
	Back     string // the page of the register
	Place    named
	Places   []named
	Last     []sheet.Import
	One      *sheet.Import
	Faults   []fault
	More     int // faulty rows that the page does not show
}

// fault is what is wrong with one row, in the reader's language.
type fault struct {
	sheet.Wrong
	Said string
}

// registers are the pages of the registers that go out and in as tables.
func registers() map[string]importPage {
	return map[string]importPage{
		"poles":   {Register: "poles", Title: "import.poles", Back: "/speakers"},
		"hamlets": {Register: "hamlets", Title: "import.hamlets", Back: "/places"},
		"people":  {Register: "people", Title: "import.people", Back: "/people"},
	}
}

// register is the page of the register an address names.
func (d *desk) register(r *http.Request) (importPage, error) {
	name := r.PathValue("register")
	page, ok := registers()[name]
	if _, built := d.Sheets.Registers[name]; !ok || !built {
		return page, loa.Errorf(loa.NotFound, "sheet.register_unknown")
	}
	return page, nil
}

func (d *desk) importPage(w http.ResponseWriter, r *http.Request) error {
	page, err := d.importData(r, place(r))
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "import", page.Title, page)
}

func (d *desk) importData(r *http.Request, at loa.Path) (page importPage, err error) {
	if page, err = d.register(r); err != nil {
		return page, err
	}
	names, err := d.named(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	page.Last, err = d.Sheets.List(r.Context(), web.Actor(r), page.Register, at)
	return page, err
}

// importFile takes a file and tries it. What is wrong with the file as a whole
// is told on the page it was sent from.
func (d *desk) importFile(w http.ResponseWriter, r *http.Request) error {
	err := r.ParseMultipartForm(1 << 20) //nolint:gosec // the route bounds the body
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = loa.Errorf(loa.Invalid, "sheet.large", sheet.MaxFile>>20)
	} else if err != nil {
		err = loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	at := place(r)
	var i sheet.Import
	if err == nil {
		defer func() { _ = r.MultipartForm.RemoveAll() }() // what is left in the temporary folder goes with the machine
		i, err = d.checkFile(r, at)
	}
	if err != nil {
		page, again := d.importData(r, at)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "import", page.Title, page, err)
	}
	return d.done(w, r, "/import/"+i.Register+"/"+i.ID)
}

func (d *desk) checkFile(r *http.Request, at loa.Path) (sheet.Import, error) {
	file, head, err := r.FormFile("file")
	if err != nil {
		return sheet.Import{}, loa.Errorf(loa.Invalid, "import.no_file").Because(err)
	}
	defer func() { _ = file.Close() }() // read only
	b, err := io.ReadAll(file)
	if err != nil {
		return sheet.Import{}, err
	}
	return d.Sheets.Check(r.Context(), web.Actor(r), r.PathValue("register"), at, head.Filename, b)
}

// faultsShown is how many faults one page tells; the file of faulty rows has them
// all.
const faultsShown = 100

// importOne is one file: what it would do, or did.
func (d *desk) importOne(w http.ResponseWriter, r *http.Request) error {
	page, err := d.importOneData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "import", page.Title, page)
}

func (d *desk) importOneData(r *http.Request) (importPage, error) {
	i, err := d.Sheets.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return importPage{}, err
	}
	page, err := d.importData(r, i.Place)
	if err != nil {
		return page, err
	}
	page.One, page.Last = &i, nil
	lines := map[int]bool{}
	for _, f := range i.Wrong {
		if len(page.Faults) == faultsShown {
			break
		}
		lines[f.Line] = true
		page.Faults = append(page.Faults, fault{f, d.Site.Catalog.Error(d.Site.Locale(r), f.Err)})
	}
	page.More = i.Bad - len(lines)
	return page, nil
}

func (d *desk) importApply(w http.ResponseWriter, r *http.Request) error {
	return d.importStep(w, r, d.Sheets.Apply)
}

func (d *desk) importUndo(w http.ResponseWriter, r *http.Request) error {
	return d.importStep(w, r, d.Sheets.Undo)
}

// importMove is Apply or Undo.
type importMove func(ctx context.Context, who loa.Actor, id string) (sheet.Import, error)

func (d *desk) importStep(w http.ResponseWriter, r *http.Request, step importMove) error {
	i, err := step(r.Context(), web.Actor(r), r.PathValue("id"))
	if code := loa.CodeOf(err); err != nil && (code == loa.Conflict || code == loa.Invalid) {
		page, again := d.importOneData(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "import", page.Title, page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/import/"+i.Register+"/"+i.ID)
}

// importExport answers with the register, or its empty form.
func (d *desk) importExport(w http.ResponseWriter, r *http.Request) error {
	page, err := d.register(r)
	if err != nil {
		return err
	}
	empty := strings.HasSuffix(r.URL.Path, "/form.xlsx")
	var b bytes.Buffer // whole before the first byte leaves
	if err := d.Sheets.Export(r.Context(), web.Actor(r), page.Register, place(r), empty, &b); err != nil {
		return err
	}
	name := page.Register + "-" + day(d.Site.Clock.Now()) + ".xlsx"
	if empty {
		name = page.Register + "-mau.xlsx"
	}
	return d.workbook(w, r, name, b.Bytes())
}

// importFaulty answers with the rows that are wrong, to be set right.
func (d *desk) importFaulty(w http.ResponseWriter, r *http.Request) error {
	var b bytes.Buffer
	say := func(err error) string { return d.Site.Catalog.Error(d.Site.Locale(r), err) }
	if err := d.Sheets.Faulty(r.Context(), web.Actor(r), r.PathValue("id"), say, &b); err != nil {
		return err
	}
	return d.workbook(w, r, "can-sua.xlsx", b.Bytes())
}

// workbook answers with an .xlsx to keep.
func (d *desk) workbook(w http.ResponseWriter, r *http.Request, name string, b []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	_, err := w.Write(b)
	if err != nil && r.Context().Err() != nil {
		return nil //nolint:nilerr // the reader went away: there is nobody to tell
	}
	return err
}
