package desk

import (
	"fmt"
	"net/http"
	"time"

	"loa"
	"loa/speaker"
	"loa/upkeep"
)

// curveDays is how many days a pole's volume is drawn for.
const curveDays = 60

// The drawing's measures, in its own units.
const (
	curveWidth  = 640
	curveHeight = 160
	curveLeft   = 34
	curveFoot   = 22
)

// curve is how loud a pole was set and how loud it was, day by day, drawn on the
// server: evidence beside a complaint.
type curve struct {
	Bars   []bar  // what it played at
	Set    string // points of the line of what it was set to
	Muted  []bar  // days with a mute
	Faults []mark
	Grid   []gridLine
	Days   []tickLabel
	Any    bool
}

// bar is one day. Its title is read out and shown.
type bar struct {
	X, Y, W, H float64
	Title      string
}

type mark struct {
	X     float64
	Title string
}

type gridLine struct {
	Y       float64
	Percent int
}

type tickLabel struct {
	X    float64
	Text string
}

// availableMonth is how much of a month a pole could be reached.
type availableMonth struct {
	Month   string // 11/2026
	Percent string // "99,2 %"
	Value   float64
}

// curveOf draws the last days of a pole.
func (d *desk) curveOf(r *http.Request, p speaker.Pole, turned []turned, mutes []speaker.Mute, faults []upkeep.Fault) (c curve, months []availableMonth, err error) {
	ctx, in := r.Context(), d.printer(r)
	today := d.Site.Clock.Now().In(loa.Zone())
	y, m, dd := today.Date()
	first := time.Date(y, m, dd-curveDays+1, 0, 0, 0, 0, loa.Zone())
	yearAgo := time.Date(y, m-5, 1, 0, 0, 0, 0, loa.Zone())
	days, err := d.Speakers.Days(ctx, p.ID, speaker.DayOf(yearAgo), speaker.DayOf(today.AddDate(0, 0, 1)))
	if err != nil {
		return c, nil, err
	}
	months = monthsOf(days)
	const step = float64(curveWidth-curveLeft) / curveDays
	high := func(percent int) float64 { return float64(100-percent) / 100 * (curveHeight - curveFoot) }
	for _, percent := range []int{0, 50, 100} {
		c.Grid = append(c.Grid, gridLine{high(percent), percent})
	}
	seen := map[string]speaker.Day{}
	for _, one := range days {
		seen[one.Day] = one
	}
	for i := range curveDays {
		at := first.AddDate(0, 0, i)
		key, next, x := speaker.DayOf(at), at.AddDate(0, 0, 1), curveLeft+float64(i)*step
		low, top := seen[key].Low, seen[key].High
		if top > 0 {
			c.Any = true
			c.Bars = append(c.Bars, bar{x + 0.5, high(top), step - 1, max(2, high(low)-high(top)+2), in.T("curve.played", at.Format("02/01"), low, top)})
		}
		for _, mute := range mutes {
			if mute.From < next.UnixMilli() && mute.Until > at.UnixMilli() {
				c.Muted = append(c.Muted, bar{x, 0, step, curveHeight - curveFoot, in.T("curve.muted", at.Format("02/01"), mute.Reason)})
				break
			}
		}
		for _, f := range faults {
			if f.Opened >= at.UnixMilli() && f.Opened < next.UnixMilli() {
				c.Faults = append(c.Faults, mark{x + step/2, in.T("curve.fault", at.Format("02/01"), in.T("cause."+string(f.Cause)))})
			}
		}
		set := setOn(p, turned, next.UnixMilli())
		c.Set += fmt.Sprintf("%.1f,%.1f %.1f,%.1f ", x, high(set), x+step, high(set))
		if i%14 == 3 {
			c.Days = append(c.Days, tickLabel{x, at.Format("02/01")})
		}
	}
	return c, months, nil
}

// setOn is the loudest a pole was set to play bulletins at, at the end of a day:
// what the register says now, taken back through the book.
func setOn(p speaker.Pole, turned []turned, endMS int64) int {
	loud := loudOf(p)
	for _, t := range turned { // the newest first
		if t.At < endMS {
			loud = t.Loud
			break
		}
		loud = t.Was
	}
	return max(loud.Morning, loud.Evening)
}

// monthsOf is the availability of each month, the newest first.
func monthsOf(days []speaker.Day) (all []availableMonth) {
	for len(days) > 0 {
		month, n := days[0].Day[:7], 0
		for n < len(days) && days[n].Day[:7] == month {
			n++
		}
		if percent, known := speaker.Availability(days[:n]); known {
			all = append([]availableMonth{{month[5:] + "/" + month[:4], fmt.Sprintf("%.1f", percent), percent}}, all...)
		}
		days = days[n:]
	}
	return all
}
