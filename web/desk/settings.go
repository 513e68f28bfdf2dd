package desk

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"loa"
	"loa/journal"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// settingsPage sets many boxes at once.
type settingsPage struct {
	Place        named
	Places       []named
	Query        speaker.PoleQuery
	States       []string
	Technologies []string
	Rows         []standing
	Most         int // poles of one setting
	Whats        []string
	What         string
	Percent      int
	Ask          *asking
	Payload      string // base64 of the drafted setting
	Chosen       int
	Said         string // of the draft, in words
	Lately       []settingRow
	Tested       []string        // codes of the poles just asked for a test sound
	NotTested    []settingsFault // and those where it could not be
}

// settingRow is one setting that was sent.
type settingRow struct {
	Hash  string
	Said  string // in words
	Poles int
	At    int64 // UTC ms
	By    string
}

// settingsFault is one pole that could not be asked for its test sound.
type settingsFault struct {
	Code string
	Said string
}

// What a form may ask of boxes.
const (
	setVolume  = "volume"
	setTest    = "test"
	setLogs    = "logs"
	setRestart = "restart"
)

// logLines is how much of its log a box is asked for.
const logLines = 200

// Steps are the mức a box may be set to with their percent, the loudest first.
func (settingsPage) Steps() (all [][2]int) {
	for n := levels; n > 0; n-- {
		all = append(all, [2]int{n, (n*100 + levels/2) / levels})
	}
	return all
}

func (d *desk) settings(w http.ResponseWriter, r *http.Request) error {
	page, err := d.settingsData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "settings", "settings.title", page)
}

func (d *desk) settingsData(r *http.Request) (page settingsPage, err error) {
	ctx, at := r.Context(), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page = settingsPage{Place: names[0], Query: poleQuery(r, at), States: speaker.States(), Technologies: speaker.Technologies(), Most: maxTogether,
		Whats: []string{setVolume, setTest, setLogs, setRestart}, What: r.PostFormValue("what")}
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return page, err
	}
	page.Query.Limit = 500
	rows, err := d.standings(r, page.Query)
	if err != nil {
		return page, err
	}
	page.Rows = slices.DeleteFunc(rows, func(s standing) bool { return s.Box == "" })
	book, err := d.Journal(ctx, journal.Filter{Path: at, Verb: "speaker.set", Limit: 10})
	if err != nil {
		return page, err
	}
	in := d.printer(r)
	for _, row := range book {
		var w wire.Warrant
		if err := json.Unmarshal(row.Data, &w); err != nil {
			return page, err
		}
		page.Lately = append(page.Lately, settingRow{row.Subject, saidSetting(in, *w.Setting), len(w.Poles), row.At.UnixMilli(), row.ActorName})
	}
	return page, nil
}

// saidSetting is what a setting asks of a box.
func saidSetting(in printer, s wire.Setting) string {
	switch {
	case s.Volume > 0:
		return in.T("settings.do_volume", s.Volume)
	case s.Logs > 0:
		return in.T("settings.do_logs", s.Logs)
	}
	return in.T("settings.do_restart")
}

// draftSetting writes the setting for the poles that are ticked and asks for the
// reader's approval of it; a test sound needs none, it was approved as a sound.
func (d *desk) draftSetting(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.settingsData(r)
	if err != nil {
		return err
	}
	refuse := func(err error) error { return d.Site.Refuse(w, r, d.pages, "settings", "settings.title", page, err) }
	codes := r.PostForm["pole"]
	if len(codes) == 0 {
		return refuse(loa.Errorf(loa.Invalid, "enrol.none_chosen"))
	}
	if len(codes) > page.Most {
		return refuse(loa.Errorf(loa.Invalid, "settings.too_many", len(codes), page.Most))
	}
	var s wire.Setting
	switch page.What {
	case setVolume:
		if s.Volume, err = strconv.Atoi(r.PostFormValue("percent")); err != nil || s.Volume < 1 || s.Volume > 100 {
			return refuse(loa.Errorf(loa.Invalid, "pole.cap", s.Volume))
		}
	case setLogs:
		s.Logs = logLines
	case setRestart:
		s.Restart = true
	case setTest:
		return d.testMany(w, r, page, codes)
	default:
		return refuse(loa.Errorf(loa.Invalid, "settings.what"))
	}
	for _, code := range codes { // a setting reaches no further than the poles somebody saw
		p, err := d.Speakers.FindPole(r.Context(), code)
		if err != nil {
			return err
		}
		if !page.Place.Path.Covers(p.Path) {
			return refuse(loa.Errorf(loa.Invalid, "enrol.elsewhere", p.Name))
		}
	}
	payload, err := d.Speakers.DraftSetting(r.Context(), web.Actor(r), page.Place.Path, codes, s)
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/settings/approve", payload)
	if err != nil {
		return err
	}
	page.Said = saidSetting(d.printer(r), s)
	page.Ask, page.Payload, page.Chosen = &ask, base64.StdEncoding.EncodeToString(payload), len(codes)
	return d.Site.Page(w, r, d.pages, "settings", "settings.title", page)
}

// testMany asks each pole for its test sound; one that cannot says why, and holds
// up no other.
func (d *desk) testMany(w http.ResponseWriter, r *http.Request, page settingsPage, codes []string) error {
	for _, code := range codes {
		_, err := d.Bulletins.TestSound(r.Context(), web.Actor(r), code)
		if loa.CodeOf(err) == loa.Internal && err != nil {
			return err
		}
		if err != nil {
			page.NotTested = append(page.NotTested, settingsFault{code, d.Site.Catalog.Error(d.Site.Locale(r), err)})
			continue
		}
		page.Tested = append(page.Tested, code)
	}
	return d.Site.Page(w, r, d.pages, "settings", "settings.title", page)
}

// approveSetting takes the approval. The bytes come back from the page: the signer
// believes them only if they are what the passkey approved.
func (d *desk) approveSetting(w http.ResponseWriter, r *http.Request) error {
	payload, y, err := d.approvalOfPage(r)
	if err != nil {
		return err
	}
	hash, err := d.Speakers.SetBoxes(r.Context(), web.Actor(r), payload, y.Approval)
	if err != nil {
		return err
	}
	return d.done(w, r, "/settings/"+hash)
}

// sentPage is what became of a setting, pole by pole.
type sentPage struct {
	speaker.Sent
	Said  string
	Where string
}

func (d *desk) sentSetting(w http.ResponseWriter, r *http.Request) error {
	page, err := d.sentData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "setting", "settings.title", page)
}

func (d *desk) sentLive(w http.ResponseWriter, r *http.Request) error {
	page, err := d.sentData(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "setting", "live", page)
}

func (d *desk) sentData(r *http.Request) (page sentPage, err error) {
	if page.Sent, err = d.Speakers.SentSetting(r.Context(), web.Actor(r), r.PathValue("hash")); err != nil {
		return page, err
	}
	names, err := d.named(r.Context(), page.Issuer)
	if err != nil {
		return page, err
	}
	page.Where, page.Said = names[0].Name, saidSetting(d.printer(r), *page.Setting)
	return page, nil
}

// boxLog is the end of a box's log, as it sent it.
func (d *desk) boxLog(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	l, err := d.Speakers.LogOf(r.Context(), web.Actor(r), page.ID)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "box-log", "settings.log", struct {
		speaker.BoxLog
		Pole speaker.Pole
		Back string
	}{l, page.Pole, "/poles/" + url.PathEscape(page.Pole.Code)})
}
