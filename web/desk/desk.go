package desk

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/form"
	"loa/journal"
	"loa/lexicon"
	"loa/office"
	"loa/people"
	"loa/sheet"
	"loa/speaker"
	"loa/unit"
	"loa/upkeep"
	"loa/upload"
	"loa/web"
	"loa/web/province"
	"loa/wire"
)

//go:embed all:page
var pageFiles embed.FS

// Config is what the desk stands on. Every field but SoftApprove must be set.
type Config struct {
	Site      *web.Site
	Bulletins *bulletin.Flow
	Speakers  *speaker.Register
	Units     *unit.Register
	Calendar  *calendar.Register
	Words     *lexicon.Register
	People    *people.Register
	Offices   *office.Register
	Forms     *form.Register
	Upkeep    *upkeep.Book
	// Certificate is when the certificate devices and people see ends, zero where
	// somebody in front holds it; nil where there is none.
	Certificate func() time.Time
	// Province is the province's own sign-in; nil where there is none.
	Province *province.Provider
	Roster   Roster
	Sheets   *sheet.Book
	Uploads  *upload.Room
	// Journal reads the book for a place the reader may see.
	Journal func(ctx context.Context, f journal.Filter) ([]journal.Row, error)
	// Checkpoint is how far the book was sealed last; nil shows nothing of it.
	Checkpoint func(ctx context.Context) (journal.Checkpoint, error)
	// Sound reads a sound by its hash, proved.
	Sound func(hash string) ([]byte, error)
	// SoftApprove approves with a passkey in software. Only the demonstration
	// has it; elsewhere it is nil and approving takes the person's own passkey.
	SoftApprove func(ctx context.Context, person string, payload []byte) (wire.Approval, error)
}

type desk struct {
	Config
	pages   *web.Pages
	hearing *hearing
	lapses  *lapses
}

// New is the desk's table of routes.
func New(c Config) ([]web.Route, error) {
	d, err := open(c)
	if err != nil {
		return nil, err
	}
	return d.routes(), nil
}

func open(c Config) (*desk, error) {
	pages, err := web.LoadPages(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	return &desk{c, pages, newHearing(), &lapses{}}, nil
}

// place is where a page looks: the place in its address if the reader may read
// there, otherwise the first place they may.
func place(r *http.Request) loa.Path {
	who := web.Actor(r)
	if p := loa.Path(r.FormValue("path")); p != "" && who.May(loa.RightRead, p) {
		return p
	}
	if all := who.Places(loa.RightRead); len(all) > 0 {
		return all[0]
	}
	return ""
}

// named is a place with its name.
type named struct {
	Path loa.Path
	Name string
}

// named gives places their names; a place the register does not know keeps its
// address, since an old bulletin must stay readable.
func (d *desk) named(ctx context.Context, paths ...loa.Path) ([]named, error) {
	all := make([]named, len(paths))
	for i, p := range paths {
		u, err := d.Units.Find(ctx, p)
		switch {
		case loa.CodeOf(err) == loa.NotFound:
			all[i] = named{p, string(p)}
		case err != nil:
			return nil, err
		default:
			all[i] = named{p, u.FullName()}
		}
	}
	return all, nil
}

// places is every place the reader may look at, for the choice on top of a page.
func (d *desk) places(r *http.Request) ([]named, error) {
	all := slices.Clone(web.Actor(r).Places(loa.RightRead))
	slices.Sort(all)
	return d.named(r.Context(), slices.Compact(all)...)
}

// asking is what a page needs to ask for somebody's approval of some bytes.
type asking struct {
	Address string // where the answer goes
	Hash    string // of the bytes
	Options string // what navigator.credentials.get takes; "" in the demonstration
	Missing bool   // the person has no passkey yet
	Soft    bool
	Revoke  bool   // of a placement: it takes the box away
	Swap    bool   // of a placement: it takes the place of the box at work there
	Batch   string // base64 of the bytes, when they stand for several documents
}

// ask prepares a page for the approval of payload by whoever reads it.
func (d *desk) ask(r *http.Request, address string, payload []byte) (asking, error) {
	a := asking{Address: address, Hash: loa.Hash(payload), Soft: d.SoftApprove != nil}
	if a.Soft {
		return a, nil
	}
	challenge := sha256.Sum256(payload)
	options, err := d.People.AssertionOptions(r.Context(), web.Actor(r).ID, challenge[:])
	if loa.KeyOf(err) == "people.passkey_none" {
		a.Missing = true
		return a, nil
	}
	a.Options = string(options)
	return a, err
}

// yes is the approval a page sent: the browser's assertion as JSON, or in the
// demonstration a plain form, for which the software passkey answers.
type yes struct {
	wire.Approval
	Why     string `json:"why"`
	Revoke  bool   `json:"revoke"`
	Payload string `json:"payload"` // base64 of the bytes, when the page alone holds them
}

// approval reads the yes; payload is asked for only in the demonstration.
func (d *desk) approval(r *http.Request, payload func(y yes) ([]byte, error)) (y yes, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/json" {
		if err := json.NewDecoder(r.Body).Decode(&y); err != nil {
			return y, loa.Errorf(loa.Invalid, "page.form").Because(err)
		}
		return y, nil
	}
	if err := web.Form(r); err != nil {
		return y, err
	}
	if d.SoftApprove == nil {
		return y, loa.Errorf(loa.Invalid, "approval.passkey_needed")
	}
	y.Why, y.Revoke, y.Payload = r.PostFormValue("why"), r.PostFormValue("revoke") != "", r.PostFormValue("payload")
	bytes, err := payload(y)
	if err != nil {
		return y, err
	}
	if y.Approval, err = d.SoftApprove(r.Context(), web.Actor(r).ID, bytes); err != nil {
		return y, fmt.Errorf("approve with the software passkey: %w", err)
	}
	return y, nil
}

// approvalOfPage is approval where the bytes come back from the page: the signer
// believes them only if they are what the passkey approved.
func (d *desk) approvalOfPage(r *http.Request) (payload []byte, y yes, err error) {
	read := func(y yes) ([]byte, error) {
		b, err := base64.StdEncoding.DecodeString(y.Payload)
		if err != nil {
			return nil, loa.Errorf(loa.Invalid, "page.form").Because(err)
		}
		return b, nil
	}
	if y, err = d.approval(r, read); err != nil {
		return nil, y, err
	}
	payload, err = read(y)
	return payload, y, err
}

// done sends the browser on after a change: a form by redirect, a script by a
// word of JSON.
func (d *desk) done(w http.ResponseWriter, r *http.Request, to string) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/json" {
		return d.Site.JSON(w, r, map[string]string{"next": to})
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // to is a page of ours, or has been through web.Local
	return nil
}
