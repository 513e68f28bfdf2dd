package desk

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"

	"loa"
	"loa/bulletin"
	"loa/web"
)

// togetherPage is everything that waits for the reader's approval, in a row, with
// one button at its end.
type togetherPage struct {
	Items   []waitingItem
	MS      int64 // of all of them
	Known   int   // heard or read to their end
	Longest bool  // there are as many as one approval covers; more may wait
	Soft    bool
	Missing bool // the reader has no passkey yet
	Done    int  // approved a moment ago
	Not     int  // of these, how many were not: somebody else was quicker, or the signer refused
}

// waitingItem is one of them.
type waitingItem struct {
	bulletin.Waiting
	Where   []named
	Sounds  []rendition
	StandBy named // whose right would be used, when it is a place above
	Version int   // how often approval was asked for
}

func (d *desk) together(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), web.Actor(r)
	all, err := d.Bulletins.WaitingFor(ctx, who)
	if err != nil {
		return err
	}
	page := togetherPage{Soft: d.SoftApprove != nil, Longest: len(all) == maxTogether}
	page.Done, page.Not = number(r.FormValue("done")), number(r.FormValue("not"))
	for _, one := range all {
		item := waitingItem{Waiting: one}
		if item.Where, err = d.named(ctx, one.Scope...); err != nil {
			return err
		}
		if one.StandsIn != "" {
			names, err := d.named(ctx, one.StandsIn)
			if err != nil {
				return err
			}
			item.StandBy = names[0]
		}
		if item.Sounds, err = d.renditions(r, one.Bulletin, one.Each, one.Payload, true); err != nil {
			return err
		}
		askHearing(item.Sounds, one)
		versions, err := d.Bulletins.Versions(ctx, one.Bulletin)
		if err != nil {
			return err
		}
		item.Version = len(versions)
		page.Items, page.MS = append(page.Items, item), page.MS+one.MS()
		if one.Known() {
			page.Known++
		}
	}
	if len(all) > 0 && !page.Soft {
		ask, err := d.ask(r, "/approve", nil)
		if err != nil {
			return err
		}
		page.Missing = ask.Missing
	}
	return d.Site.Page(w, r, d.pages, "approve", "approve.title", page)
}

// maxTogether is how many one approval covers (wire.MaxBatch).
const maxTogether = 64

// number reads a small number of an address, 0 for anything else.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1000 {
		return 0
	}
	return n
}

// askHearing says of each language whether the reader still has to hear it, and
// whether reading it would do.
func askHearing(sounds []rendition, w bulletin.Waiting) {
	for i := range sounds {
		sounds[i].MustHear = w.MustHear
		sounds[i].Asked = sounds[i].How == "" || w.MustHear && sounds[i].How != bulletin.Heard
	}
}

// askTogether fixes what one approval will cover: what the reader has heard by
// now, of those still ticked. It answers with the challenge for their passkey.
func (d *desk) askTogether(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	batch, chosen, left, err := d.Bulletins.Together(r.Context(), web.Actor(r), r.PostForm["bulletin"])
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/approve", batch)
	if err != nil {
		return err
	}
	if ask.Missing {
		return loa.Errorf(loa.Conflict, "people.passkey_none", web.Actor(r).Name)
	}
	return d.Site.JSON(w, r, map[string]any{"options": ask.Options, "batch": base64.StdEncoding.EncodeToString(batch), "count": len(chosen), "left": left})
}

// approveTogether takes the one yes and has the signer seal each of them.
func (d *desk) approveTogether(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), web.Actor(r)
	var soft []byte
	y, err := d.approval(r, func(yes) (_ []byte, err error) {
		soft, _, _, err = d.Bulletins.Together(ctx, who, r.PostForm["bulletin"])
		return soft, err
	})
	if err != nil {
		return err
	}
	if soft != nil {
		y.Batch = soft
	}
	all, err := d.Bulletins.ApproveTogether(ctx, who, y.Approval)
	if err != nil {
		return err
	}
	var refused error
	done := 0
	for _, o := range all {
		if o.Err == nil {
			done++
		} else if refused == nil {
			refused = o.Err
		}
	}
	if done == 0 {
		return refused
	}
	return d.done(w, r, fmt.Sprintf("/approve?done=%d&not=%d", done, len(all)-done))
}
