package desk

import (
	"net/http"
	"strings"

	"loa"
	"loa/bulletin"
	"loa/web"
)

// inboxPage is Tin đến: what the levels above sent one commune's station.
type inboxPage struct {
	Place    named
	Places   []named
	Waiting  []incoming // nobody has answered, or a priority bulletin has no place yet
	Answered []incoming
}

// incoming is one bulletin in the inbox with the sessions it may go into.
type incoming struct {
	bulletin.Incoming
	From    named
	Choices []choice
	Starts  []bulletin.Slot // its standing starts in this commune
}

func (d *desk) inbox(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), web.Actor(r)
	at := commune(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return err
	}
	page := inboxPage{Place: names[0]}
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	if at == "" {
		return d.Site.Page(w, r, d.pages, "inbox", "inbox.title", page)
	}
	all, err := d.Bulletins.Inbox(ctx, who, at)
	if err != nil {
		return err
	}
	sessions, err := d.sessions(r, at, week)
	if err != nil {
		return err
	}
	for _, in := range all {
		one := incoming{Incoming: in}
		if names, err = d.named(ctx, in.Path); err != nil {
			return err
		}
		one.From = names[0]
		slots, err := d.Bulletins.Slots(ctx, in.ID)
		if err != nil {
			return err
		}
		for _, s := range slots {
			if s.Commune == at && !s.Cancelled {
				one.Starts = append(one.Starts, s)
			}
		}
		if who.May(loa.RightDispatch, at) {
			one.Choices = offered(sessions, in.Bulletin, one.Starts)
		}
		if in.Reply == bulletin.Offered {
			page.Waiting = append(page.Waiting, one)
		} else {
			page.Answered = append(page.Answered, one)
		}
	}
	return d.Site.Page(w, r, d.pages, "inbox", "inbox.title", page)
}

// offered are the sessions a bulletin may go into while it holds; the first two
// are chosen already ("chiều nay · sáng mai") where it stands in none.
func offered(sessions []session, b bulletin.Bulletin, starts []bulletin.Slot) (all []choice) {
	wanted := 2
	for _, s := range sessions {
		if s.Start > b.Until || s.End < b.From {
			continue
		}
		c := choice{session: s, Value: s.Day + " " + s.Part, Wanted: len(starts) == 0 && wanted > 0}
		for _, st := range starts {
			c.Wanted = c.Wanted || st.Session == s.Key()
		}
		wanted--
		all = append(all, c)
	}
	return all
}

// commune is the commune a page is about: the one asked for if the reader may
// read it, else the first they may.
func commune(r *http.Request) loa.Path {
	if c := place(r).Commune(); c != "" {
		return c
	}
	for _, p := range web.Actor(r).Places(loa.RightRead) {
		if c := p.Commune(); c != "" {
			return c
		}
	}
	return ""
}

// take is nhận phát: into these sessions of this commune.
func (d *desk) take(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := loa.Path(r.PostFormValue("commune"))
	var choices []bulletin.Choice
	for _, value := range r.PostForm["session"] {
		day, part, _ := strings.Cut(value, " ")
		choices = append(choices, bulletin.Choice{Day: day, Part: part})
	}
	b, err := d.Bulletins.Take(r.Context(), web.Actor(r), r.PathValue("id"), at, choices)
	if err != nil {
		return err
	}
	if _, err := d.Bulletins.Dispatch(r.Context(), b.ID); err != nil {
		return err
	}
	return d.done(w, r, "/inbox?path="+string(at))
}

// leave is không phát, with a reason.
func (d *desk) leave(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := loa.Path(r.PostFormValue("commune"))
	if err := d.Bulletins.Leave(r.Context(), web.Actor(r), r.PathValue("id"), at, r.PostFormValue("why")); err != nil {
		return err
	}
	return d.done(w, r, "/inbox?path="+string(at))
}

// answered is how one commune stands to a bulletin sent to it.
type answered struct {
	bulletin.Incoming
	Where string
}

// answers are the communes' answers, for a reader of the level that sent it.
func (d *desk) answers(r *http.Request, b bulletin.Bulletin) (all []answered, err error) {
	if b.Path.Commune() != "" || !web.Actor(r).May(loa.RightRead, b.Path) {
		return nil, nil
	}
	rows, err := d.Bulletins.Replies(r.Context(), web.Actor(r), b.ID)
	if err != nil {
		return nil, err
	}
	places := make([]loa.Path, len(rows))
	for i, in := range rows {
		places[i] = in.Commune
	}
	names, err := d.named(r.Context(), places...)
	if err != nil {
		return nil, err
	}
	for i, in := range rows {
		all = append(all, answered{in, names[i].Name})
	}
	return all, nil
}
