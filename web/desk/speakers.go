package desk

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/unit"
	"loa/web"
)

// speakersPage is the list of cụm loa.
type speakersPage struct {
	Place   named
	Places  []named
	Waiting []box // asked with a code, not confirmed
	Sums    speaker.Sums
	Query   speaker.PoleQuery
	Rows    []standing
	Before  string // addresses of the pages before and after, "" for none
	After   string
	Narrow  bool // something but the place is asked for
	Live    string
	States  []string
	// Technologies may be asked for.
	Technologies []string
}

// standing is a pole with the name of where it stands and the word for how it is.
type standing struct {
	speaker.Standing
	Where string
	How   string
}

// box is a device with the name of where it stands.
type box struct {
	speaker.Box
	Where   string
	Contact bool
}

func (d *desk) speakers(w http.ResponseWriter, r *http.Request) error {
	page, err := d.speakersData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speakers", "speakers.title", page)
}

func (d *desk) speakersLive(w http.ResponseWriter, r *http.Request) error {
	page, err := d.speakersData(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "speakers", "live", page)
}

// speakersLength is how many poles one page of the list shows.
const speakersLength = 50

func (d *desk) speakersData(r *http.Request) (page speakersPage, err error) {
	ctx, at := r.Context(), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return page, err
	}
	offset, err := strconv.Atoi(r.FormValue("from"))
	if err != nil || offset < 0 {
		offset = 0
	}
	page.Query = poleQuery(r, at)
	page.Query.Offset, page.Query.Limit = offset, speakersLength+1
	page.Live = "/speakers/live?" + r.URL.RawQuery
	page.States, page.Technologies = speaker.States(), speaker.Technologies()
	page.Narrow = page.Query.Text != "" || page.Query.Technology != "" || page.Query.State != "" || page.Query.Sensitive
	if page.Sums, err = d.Speakers.Count(ctx, at); err != nil {
		return page, err
	}
	poles, err := d.Speakers.Poles(ctx, page.Query)
	if err != nil {
		return page, err
	}
	if len(poles) > speakersLength {
		poles, page.After = poles[:speakersLength], fromRow(r, offset+speakersLength)
	}
	if offset > 0 {
		page.Before = fromRow(r, max(0, offset-speakersLength))
	}
	waiting, err := d.Speakers.Waiting(ctx, at)
	if err != nil {
		return page, err
	}
	where := d.namer(ctx)
	now := d.Site.Clock.Now().UnixMilli()
	for _, b := range waiting {
		name, err := where(b.Pole.Path)
		if err != nil {
			return page, err
		}
		page.Waiting = append(page.Waiting, box{b, name, b.Health.InContact(now)})
	}
	for _, p := range poles {
		name, err := where(p.Path)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, standing{p, name, p.State(now)})
	}
	return page, nil
}

// poleQuery is what a list of poles is narrowed to.
func poleQuery(r *http.Request, at loa.Path) speaker.PoleQuery {
	return speaker.PoleQuery{Place: at, Text: r.FormValue("q"), Technology: r.FormValue("technology"), State: r.FormValue("state"),
		Sensitive: r.FormValue("sensitive") != ""}
}

// fromRow is the address of the same list from another row on.
func fromRow(r *http.Request, from int) string {
	q := r.URL.Query()
	q.Set("from", strconv.Itoa(from))
	return "/speakers?" + q.Encode()
}

// namer names places and remembers them: a list names the same few again and
// again.
func (d *desk) namer(ctx context.Context) func(loa.Path) (string, error) {
	known := map[loa.Path]string{}
	return func(p loa.Path) (string, error) {
		if known[p] == "" {
			names, err := d.named(ctx, p)
			if err != nil {
				return "", err
			}
			known[p] = names[0].Name
		}
		return known[p], nil
	}
}

// placesBelow is what a list may be narrowed to: the reader's places, and the
// hamlets of the commune looked at.
func (d *desk) placesBelow(r *http.Request, at loa.Path) ([]named, error) {
	all, err := d.places(r)
	if err != nil {
		return nil, err
	}
	below, err := d.Units.Children(r.Context(), at)
	if loa.CodeOf(err) == loa.NotFound {
		below, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	add := func(n named) {
		if !slices.ContainsFunc(all, func(o named) bool { return o.Path == n.Path }) {
			all = append(all, n)
		}
	}
	names, err := d.named(r.Context(), at)
	if err != nil {
		return nil, err
	}
	add(names[0])
	for _, u := range below {
		if u.Level != unit.Zone {
			add(named{u.Path, u.FullName()})
		}
	}
	return all, nil
}

// newPage is the form of a new pole.
type newPage struct {
	Places   []named
	Pole     speaker.Pole
	Lat, Lon string
}

func (d *desk) newSpeaker(w http.ResponseWriter, r *http.Request) error {
	page, err := d.newPage(r, speaker.Pole{Cap: 80})
	if err != nil {
		return err
	}
	// Where the last one was put, and the next number: whoever stands on the ladder
	// has one hand.
	if page.Pole.Path, err = d.Speakers.LastPlace(r.Context(), place(r)); err != nil {
		return err
	}
	sums, err := d.Speakers.Count(r.Context(), place(r))
	if err != nil {
		return err
	}
	page.Pole.Name = d.printer(r).T("speaker_new.offer", sums.Poles+1)
	return d.Site.Page(w, r, d.pages, "speaker-new", "speaker_new.title", page)
}

// newPage offers every place where the reader may put a pole: the unit and the
// hamlets right below it.
func (d *desk) newPage(r *http.Request, p speaker.Pole) (page newPage, err error) {
	page.Pole, page.Lat, page.Lon = p, r.PostFormValue("lat"), r.PostFormValue("lon")
	for _, at := range web.Actor(r).Places(loa.RightSpeakers) {
		names, err := d.named(r.Context(), at)
		if err != nil {
			return page, err
		}
		if at.Commune() != "" {
			page.Places = append(page.Places, names...)
		}
		below, err := d.Units.Children(r.Context(), at)
		if err != nil {
			return page, err
		}
		for _, u := range below {
			page.Places = append(page.Places, named{u.Path, u.FullName()})
		}
	}
	return page, nil
}

// codePage shows a code once, and then asks for the digits of the box that came.
type codePage struct {
	Pole  speaker.Pole
	Code  string
	Asked string // the box that asked with it
	Swap  bool   // another box is at work there, which goes when this one comes
	Soft  bool
}

// addPole adds a pole and makes the code with which its box may ask for it.
func (d *desk) addPole(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	ctx, who := r.Context(), web.Actor(r)
	volume, err := strconv.Atoi(r.PostFormValue("cap"))
	if err != nil {
		volume = 0 // out of bounds: the register says so
	}
	asked := speaker.Pole{Path: loa.Path(r.PostFormValue("place")), Name: r.PostFormValue("name"), Cap: volume}
	if asked.At, err = point(r); err != nil {
		return d.refuseNew(w, r, asked, err)
	}
	p, err := d.Speakers.AddPole(ctx, who, asked)
	if loa.CodeOf(err) == loa.Invalid {
		return d.refuseNew(w, r, asked, err)
	}
	if err != nil {
		return err
	}
	code, err := d.Speakers.NewCode(ctx, who, p.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-code", "speaker_code.title", codePage{Pole: p, Code: code})
}

func (d *desk) refuseNew(w http.ResponseWriter, r *http.Request, asked speaker.Pole, err error) error {
	page, again := d.newPage(r, asked)
	if again != nil {
		return again
	}
	return d.Site.Refuse(w, r, d.pages, "speaker-new", "speaker_new.title", page, err)
}

// boxPage is one device; Ask is set where its placement waits for approval.
type boxPage struct {
	box
	Ask    *asking
	Spoken []bulletin.Playback // what its own microphone said lately
}

// find is a box the reader may see.
func (d *desk) find(r *http.Request) (page boxPage, err error) {
	b, err := d.Speakers.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return page, err
	}
	if err := web.Actor(r).Must(loa.RightRead, b.Pole.Path); err != nil {
		return page, err
	}
	names, err := d.named(r.Context(), b.Pole.Path)
	if err != nil {
		return page, err
	}
	page.box = box{b, names[0].Name, b.Health.InContact(d.Site.Clock.Now().UnixMilli())}
	page.Spoken, err = d.Bulletins.MicSpoken(r.Context(), b.ID, 5)
	return page, err
}

func (d *desk) speaker(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker", "speaker.title", page)
}

// poleCode lets a box ask for a pole: its first one, or one in the place of
// another (thay máy).
func (d *desk) poleCode(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Speakers.FindPole(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	code, err := d.Speakers.NewCode(r.Context(), web.Actor(r), p.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-code", "speaker_code.title", codePage{Pole: p, Code: code})
}

// askedCode is the part of the page of a code that waits for the box to show it.
func (d *desk) askedCode(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Speakers.FindPole(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	if err := web.Actor(r).Must(loa.RightSpeakers, p.Path); err != nil {
		return err
	}
	boxes, err := d.Speakers.BoxesOf(r.Context(), p.ID)
	if err != nil {
		return err
	}
	page := codePage{Pole: p, Soft: d.SoftApprove != nil}
	for _, b := range boxes {
		switch b.State {
		case speaker.Waiting:
			if page.Asked == "" { // the newest
				page.Asked = b.ID
			}
		case speaker.Placed:
			page.Swap = true
		}
	}
	return d.Site.Part(w, r, d.pages, "speaker-code", "asked", page)
}

// checkBox compares the six digits the technician reads from the box with those
// of the key that asked, and then asks the officer to approve its placement: a
// script by its question, a form by the next page.
func (d *desk) checkBox(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.find(r)
	if err != nil {
		return err
	}
	digits := strings.Join(strings.Fields(r.PostFormValue("check")), "")
	if digits != page.Check {
		return d.Site.Refuse(w, r, d.pages, "speaker", "speaker.title", page, loa.Errorf(loa.Invalid, "box.check_differs"))
	}
	payload, swap, err := d.Speakers.DraftSwap(r.Context(), web.Actor(r), page.ID)
	if err != nil {
		return err
	}
	if asksJSON(r) {
		if !swap {
			return d.question(w, r, payload, nil)
		}
		return d.question(w, r, payload, payload)
	}
	return d.askPlacement(w, r, page, payload, asking{Swap: swap})
}

// draftRevoke asks for the approval of taking a box away.
func (d *desk) draftRevoke(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	payload, err := d.Speakers.DraftPlacement(r.Context(), web.Actor(r), page.ID, true)
	if err != nil {
		return err
	}
	return d.askPlacement(w, r, page, payload, asking{Revoke: true})
}

// askPlacement is the page of a box with the question whether it may be placed,
// swapped or taken away.
func (d *desk) askPlacement(w http.ResponseWriter, r *http.Request, page boxPage, payload []byte, as asking) error {
	ask, err := d.ask(r, "/speakers/"+page.ID+"/confirm", payload)
	if err != nil {
		return err
	}
	ask.Revoke, ask.Swap = as.Revoke, as.Swap
	if ask.Swap {
		ask.Batch = base64.StdEncoding.EncodeToString(payload)
	}
	page.Ask = &ask
	return d.Site.Page(w, r, d.pages, "speaker", "speaker.title", page)
}

// confirmBox takes the officer's approval of what was drafted last: one placement,
// or the two of a swap.
func (d *desk) confirmBox(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	var batch []byte
	y, err := d.approval(r, func(y yes) ([]byte, error) {
		if y.Revoke {
			return d.Speakers.DraftPlacement(ctx, who, id, true)
		}
		payload, swap, err := d.Speakers.DraftSwap(ctx, who, id)
		if swap {
			batch = payload
		}
		return payload, err
	})
	if err != nil {
		return err
	}
	if batch != nil {
		y.Batch = batch
	}
	if len(y.Batch) > 0 {
		err = d.Speakers.ConfirmSwap(ctx, who, y.Approval)
	} else {
		err = d.Speakers.Confirm(ctx, who, id, y.Approval)
	}
	if err != nil {
		return err
	}
	b, err := d.Speakers.Find(ctx, id)
	if err != nil {
		return err
	}
	return d.done(w, r, "/poles/"+url.PathEscape(b.Pole.Code))
}

// question answers a page's script with what to ask the reader's passkey: the
// approval of some bytes, or of a batch of them.
func (d *desk) question(w http.ResponseWriter, r *http.Request, payload, batch []byte) error {
	ask, err := d.ask(r, "", payload)
	if err != nil {
		return err
	}
	if ask.Missing {
		return loa.Errorf(loa.Conflict, "people.passkey_none", web.Actor(r).Name)
	}
	said := map[string]any{"options": ask.Options}
	if batch != nil {
		said["batch"] = base64.StdEncoding.EncodeToString(batch)
	}
	return d.Site.JSON(w, r, said)
}

// asksJSON reports whether a page's script asks, and not a form.
func asksJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }
