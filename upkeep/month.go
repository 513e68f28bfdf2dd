package upkeep

import (
	"slices"
	"time"

	"loa"
)

// Month is the repair book of a month in figures: what an inspection asks for.
type Month struct {
	Opened  int // by a person, or taken up by one
	Done    int
	Dropped int
	Open    int // still broken at its end
	Week    int // of those, for more than seven days
	Cost    int64
	Median  int64 // hours from opened to done, 0 if nothing was done
	By      []Share
}

// Share is one cause's part of a month.
type Share struct {
	Cause  Cause
	Opened int
	Cost   int64
}

// Sum puts the figures of a month together from every fault that touches it. What
// was only proposed, and what passed by itself, does not count: nobody has seen it.
func Sum(all []Fault, from, until time.Time) (m Month) {
	at, end := from.UnixMilli(), until.UnixMilli()
	var took []int64
	for _, f := range all {
		if f.State == Proposed || f.State == Dropped && f.Remedy == "" {
			continue
		}
		if f.Opened >= at && f.Opened < end {
			m.Opened++
			i := slices.IndexFunc(m.By, func(s Share) bool { return s.Cause == f.Cause })
			if i < 0 {
				i, m.By = len(m.By), append(m.By, Share{Cause: f.Cause})
			}
			m.By[i].Opened++
			m.By[i].Cost += f.Cost
		}
		switch {
		case f.Ended != 0 && f.Ended < at: // over before the month began
		case f.Ended == 0 || f.Ended >= end:
			if f.Opened < end {
				m.Open++
				if end-f.Opened > (7 * 24 * time.Hour).Milliseconds() {
					m.Week++
				}
			}
		case f.State == Done:
			m.Done++
			m.Cost += f.Cost
			took = append(took, (f.Ended-f.Opened)/time.Hour.Milliseconds())
		default:
			m.Dropped++
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		m.Median = took[len(took)/2]
	}
	slices.SortStableFunc(m.By, func(a, b Share) int { return b.Opened - a.Opened })
	return m
}

// MonthOf is the first moment of the month of a day, and of the one after.
func MonthOf(t time.Time) (from, until time.Time) {
	t = t.In(loa.Zone())
	from = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, loa.Zone())
	return from, from.AddDate(0, 1, 0)
}
