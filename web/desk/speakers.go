package desk

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"loa"
	"loa/lang"
	"loa/speaker"
	"loa/web"
)

// speakersPage is the list of cụm loa.
type speakersPage struct {
	Place   named
	Places  []named
	Waiting []box // asked with a code, not confirmed
	Placed  []box
	Away    int // mất kết nối
	Bare    []bare
	Revoked []box
}

// bare is a pole for which no box has asked (chưa khai báo cụm loa), or whose
// last was taken away.
type bare struct {
	speaker.Pole
	Where string
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

func (d *desk) speakersData(r *http.Request) (page speakersPage, err error) {
	ctx, at := r.Context(), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	boxes, err := d.Speakers.Boxes(ctx, at)
	if err != nil {
		return page, err
	}
	poles, err := d.Speakers.Bare(ctx, at)
	if err != nil {
		return page, err
	}
	known := map[loa.Path]string{}
	where := func(p loa.Path) (string, error) {
		if known[p] == "" {
			names, err := d.named(ctx, p)
			if err != nil {
				return "", err
			}
			known[p] = names[0].Name
		}
		return known[p], nil
	}
	asked := map[string]bool{} // poles
	for _, b := range boxes {
		name, err := where(b.Pole.Path)
		if err != nil {
			return page, err
		}
		one := box{b, name, b.Health.InContact(d.Site.Clock.Now().UnixMilli())}
		switch b.State {
		case speaker.Waiting:
			page.Waiting = append(page.Waiting, one)
			asked[b.Pole.ID] = true
		case speaker.Revoked:
			page.Revoked = append(page.Revoked, one)
		default:
			page.Placed = append(page.Placed, one)
			if !one.Contact {
				page.Away++
			}
		}
	}
	for _, p := range poles {
		if asked[p.ID] {
			continue // its box stands among those that wait
		}
		name, err := where(p.Path)
		if err != nil {
			return page, err
		}
		page.Bare = append(page.Bare, bare{p, name})
	}
	slices.SortStableFunc(page.Placed, func(a, b box) int { // what is wrong comes first
		if a.Contact != b.Contact {
			if b.Contact {
				return -1
			}
			return 1
		}
		return cmp.Compare(lang.SortKey(a.Pole.Name), lang.SortKey(b.Pole.Name))
	})
	return page, nil
}

// newPage is the form of a new pole.
type newPage struct {
	Places []named
	Pole   speaker.Pole
}

func (d *desk) newSpeaker(w http.ResponseWriter, r *http.Request) error {
	page, err := d.newPage(r, speaker.Pole{Cap: 80})
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-new", "speaker_new.title", page)
}

// newPage offers every place where the reader may put a pole: the unit and the
// hamlets right below it.
func (d *desk) newPage(r *http.Request, p speaker.Pole) (page newPage, err error) {
	page.Pole = p
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

// codePage shows a code once.
type codePage struct {
	Pole speaker.Pole
	Code string
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
	p, err := d.Speakers.AddPole(ctx, who, asked)
	if loa.CodeOf(err) == loa.Invalid {
		page, again := d.newPage(r, asked)
		if again != nil {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "speaker-new", "speaker_new.title", page, err)
	}
	if err != nil {
		return err
	}
	code, err := d.Speakers.NewCode(ctx, who, p.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-code", "speaker_code.title", codePage{p, code})
}

// boxPage is one device; Ask is set where its placement waits for approval.
type boxPage struct {
	box
	Ask *asking
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
	return page, nil
}

func (d *desk) speaker(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker", "speaker.title", page)
}

// newCode lets another box ask for the same pole: the old one broke.
func (d *desk) newCode(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	code, err := d.Speakers.NewCode(r.Context(), web.Actor(r), page.Pole.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-code", "speaker_code.title", codePage{page.Pole, code})
}

// poleCode lets a box ask for a pole that has none.
func (d *desk) poleCode(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Speakers.FindPole(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	code, err := d.Speakers.NewCode(r.Context(), web.Actor(r), p.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "speaker-code", "speaker_code.title", codePage{p, code})
}

// checkBox compares the six digits the technician reads from the box with those
// of the key that asked, and then asks the officer to approve its placement.
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
	return d.draftPlacement(w, r, page, false)
}

func (d *desk) draftRevoke(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	return d.draftPlacement(w, r, page, true)
}

func (d *desk) draftPlacement(w http.ResponseWriter, r *http.Request, page boxPage, revoke bool) error {
	payload, err := d.Speakers.DraftPlacement(r.Context(), web.Actor(r), page.ID, revoke)
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/speakers/"+page.ID+"/confirm", payload)
	if err != nil {
		return err
	}
	ask.Revoke = revoke
	page.Ask = &ask
	return d.Site.Page(w, r, d.pages, "speaker", "speaker.title", page)
}

// confirmBox takes the officer's approval of the placement drafted last.
func (d *desk) confirmBox(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	y, err := d.approval(r, func(y yes) ([]byte, error) { return d.Speakers.DraftPlacement(ctx, who, id, y.Revoke) })
	if err != nil {
		return err
	}
	if err := d.Speakers.Confirm(ctx, who, id, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/speakers/"+id)
}
