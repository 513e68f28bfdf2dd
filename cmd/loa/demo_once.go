package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/wire"
)

// errSilent makes -once end with a failure: somebody stayed silent.
var errSilent = errors.New("not every speaker played, or not every receipt was verified")

// patience is how long one round may take, from the start of the province.
const patience = 55 * time.Second

// once takes two notices down the line, waits for every speaker's sealed
// receipt and prints what each of them did.
func (t *town) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := t.awaitReady(ctx); err != nil {
		return err
	}
	notices, err := stageNotices(loa.WallClock{}.Now())
	if err != nil {
		return err
	}
	var sent []bulletin.Bulletin
	for _, n := range notices {
		if !strings.HasPrefix(n.kind, "once-") {
			continue
		}
		b, err := t.send(ctx, n)
		if err != nil {
			return fmt.Errorf("%s: %w", n.title, err)
		}
		sent = append(sent, b)
	}
	boxes, err := t.node.Speakers.Boxes(ctx, "vn/98")
	if err != nil {
		return err
	}
	var log []bulletin.Playback
	for len(log) < len(boxes) && ctx.Err() == nil {
		log = log[:0]
		for _, b := range sent {
			part, err := t.node.Bulletins.Log(ctx, machine(), bulletin.LogQuery{Place: "vn/98", Bulletin: b.ID, Limit: 1000})
			if err != nil {
				return err
			}
			log = append(log, part...)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return t.table(boxes, sent, log)
}

// table prints one line a speaker. A receipt is in the log only after its seal
// was checked with the key of the box; "verified" says the box itself checked
// the warrant's seal and the sound's hash before it played.
func (t *town) table(boxes []speaker.Box, sent []bulletin.Bulletin, log []bulletin.Playback) error {
	w := tabwriter.NewWriter(t.app.out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "cụm loa\tbản tin\tdự kiến\tbắt đầu\tlệch (ms)\tgiây\tkết quả\txác nhận")
	fmt.Fprintln(w, "speaker\tbulletin\tplanned\tstarted\tskew\tseconds\tresult\treceipt")
	good := 0
	var skews []float64
	for _, b := range boxes {
		name := b.Pole.Code + " " + b.Pole.Name
		i := slices.IndexFunc(log, func(p bulletin.Playback) bool { return p.Box == b.ID })
		if i < 0 {
			fmt.Fprintf(w, "%s\t\t\t\t\t\tkhông phát / silent\tkhông có / none\n", name)
			continue
		}
		p := log[i]
		verified := "chưa / no"
		if p.Verified {
			verified = "đã kiểm / verified"
		}
		if p.Result == wire.Played && p.Verified {
			good++
		}
		skew := float64(p.SkewUS) / 1000
		skews = append(skews, max(skew, -skew))
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%+.2f\t%.2f\t%s\t%s\n", name, p.Title, clock(p.Planned), clock(p.Started),
			skew, float64(p.MS)/1000, p.Result, verified)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	slices.Sort(skews)
	if len(skews) > 0 {
		fmt.Fprintf(t.app.out, "\n%d/%d cụm loa đã phát và xác nhận; %d bản tin; lệch lớn nhất %.2f ms\n",
			good, len(boxes), len(sent), skews[len(skews)-1])
	}
	if good != len(boxes) || len(log) != len(boxes) {
		return errSilent
	}
	return nil
}

func clock(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).In(loa.Zone()).Format("15:04:05.000")
}
