package desk

import (
	"net/http"
	"strconv"

	"loa"
	"loa/speaker"
	"loa/web"
)

// releasesPage is the boxes' program: what runs where, and which release is
// given to how many.
type releasesPage struct {
	Place   named
	Running []speaker.Running
	Rows    []releaseRow
}

// releaseRow is a release with why it is not widened now, "" if it may be.
type releaseRow struct {
	speaker.Release
	Gate string
}

func (d *desk) releases(w http.ResponseWriter, r *http.Request) error {
	page, err := d.releasesData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "releases", "releases.title", page)
}

func (d *desk) releasesData(r *http.Request) (page releasesPage, err error) {
	at := place(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	all, running, err := d.Speakers.Releases(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Running = running
	now := d.Site.Clock.Now().UnixMilli()
	for _, m := range all {
		page.Rows = append(page.Rows, releaseRow{m, m.Gate(now)})
	}
	return page, nil
}

// widenRelease gives a release to the next share of boxes.
func (d *desk) widenRelease(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	share, err := strconv.Atoi(r.PostFormValue("share"))
	if err != nil {
		return loa.Errorf(loa.Invalid, "release.stage", r.PostFormValue("share"))
	}
	return d.onRelease(w, r, d.Speakers.Widen(r.Context(), web.Actor(r), r.PathValue("hash"), share))
}

// pauseRelease takes a release out of what boxes are told, or puts it back.
func (d *desk) pauseRelease(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	return d.onRelease(w, r, d.Speakers.Pause(r.Context(), web.Actor(r), r.PathValue("hash"), r.PostFormValue("pause") == "1"))
}

// onRelease shows the page again, with why nothing was changed.
func (d *desk) onRelease(w http.ResponseWriter, r *http.Request, err error) error {
	if err == nil {
		return d.done(w, r, "/releases")
	}
	page, again := d.releasesData(r)
	if again != nil {
		return err
	}
	return d.Site.Refuse(w, r, d.pages, "releases", "releases.title", page, err)
}
