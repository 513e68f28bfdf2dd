package desk

import (
	"net/http"
	"strconv"
	"strings"

	"loa"
	"loa/bulletin"
	"loa/web"
)

// hear takes the page's word that its reader heard the sound, or read the
// spoken text, to its end.
func (d *desk) hear(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	var meant []int // none: every language
	if n := r.PostFormValue("rendition"); n != "" {
		i, err := strconv.Atoi(n)
		if err != nil {
			return loa.Errorf(loa.Invalid, "hear.rendition")
		}
		meant = []int{i}
	}
	if err := d.Bulletins.Hear(ctx, who, id, r.PostFormValue("payload"), r.PostFormValue("how"), meant...); err != nil {
		return err
	}
	if r.Header.Get("X-Part") != "" { // the script asked and draws the rest itself
		b, err := d.Bulletins.Find(ctx, who, id)
		if err != nil {
			return err
		}
		how, _, err := d.Bulletins.Hearing(ctx, b, who.ID)
		if err != nil {
			return err
		}
		waits, err := d.Bulletins.WaitingOne(ctx, who, id)
		if err != nil {
			return err
		}
		if how == "" || waits != nil && !waits.Known() {
			w.WriteHeader(http.StatusAccepted) // another language is still to be heard, or reading was not enough
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
		return nil
	}
	return d.done(w, r, "/bulletins/"+id+"#approve")
}

// approve takes one person's yes and has the signer seal what was approved. A
// signer that is away seals later: a job of the node asks again.
func (d *desk) approve(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	y, err := d.approval(r, func(yes) ([]byte, error) {
		b, err := d.Bulletins.Find(ctx, who, id)
		return b.Payload, err
	})
	if err != nil {
		return err
	}
	if _, err := d.Bulletins.Approve(ctx, who, id, y.Approval); err != nil {
		return err
	}
	if _, err := d.Bulletins.Sign(ctx, id); err != nil && loa.CodeOf(err) != loa.Unavailable {
		return err
	}
	return d.done(w, r, "/bulletins/"+id)
}

// correct is sửa và thay: it drafts the new version and opens it.
func (d *desk) correct(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Bulletins.Correct(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if b.State != bulletin.Draft { // it waits for approval already
		return d.done(w, r, "/bulletins/"+b.ID)
	}
	return d.done(w, r, "/bulletins/"+b.ID+"/edit")
}

// erratum drafts the notice that says what was wrong in what people have heard.
func (d *desk) erratum(w http.ResponseWriter, r *http.Request) error {
	t := func(key string) string { return d.Site.Catalog.T("vi", key) } // it is read out, whoever clicks
	b, err := d.Bulletins.Erratum(r.Context(), web.Actor(r), r.PathValue("id"), t("erratum.title"), t("erratum.lead"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID+"/edit")
}

// giveBack is trả lại, with a reason.
func (d *desk) giveBack(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	b, err := d.Bulletins.Return(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("why"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID)
}

// schedule puts a bulletin into sessions and sends the plan to the speakers.
func (d *desk) schedule(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	var choices []bulletin.Choice
	for _, value := range r.PostForm["session"] {
		day, part, _ := strings.Cut(value, " ")
		choices = append(choices, bulletin.Choice{Day: day, Part: part})
	}
	b, err := d.Bulletins.Schedule(r.Context(), web.Actor(r), r.PathValue("id"), choices)
	if err != nil {
		return err
	}
	return d.dispatch(w, r, b.ID)
}

// playNow is phát ngay.
func (d *desk) playNow(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Bulletins.PlayNow(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.dispatch(w, r, b.ID)
}

// dispatch is chuyển xuống cụm loa. When it fails the bulletin stays scheduled,
// and a job of the node dispatches it.
func (d *desk) dispatch(w http.ResponseWriter, r *http.Request, id string) error {
	if _, err := d.Bulletins.Dispatch(r.Context(), id); err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+id)
}

// stopPage asks for the approval of a stop.
type stopPage struct {
	bulletin.Bulletin
	Ask asking
}

// draftStop writes the stop and asks for the same person's approval of it: one
// person is enough to silence.
func (d *desk) draftStop(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	payload, err := d.Bulletins.DraftStop(ctx, who, id)
	if err != nil {
		return err
	}
	b, err := d.Bulletins.Find(ctx, who, id)
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/bulletins/"+id+"/stop", payload)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "stop", "stop.title", stopPage{b, ask})
}

// stop is dừng phát.
func (d *desk) stop(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	y, err := d.approval(r, func(yes) ([]byte, error) {
		b, err := d.Bulletins.Find(ctx, who, id)
		return b.StopBytes, err
	})
	if err != nil {
		return err
	}
	if _, err := d.Bulletins.StopNow(ctx, who, id, y.Why, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+id)
}

// cancel is thu hồi.
func (d *desk) cancel(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	b, err := d.Bulletins.Cancel(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("why"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID)
}
