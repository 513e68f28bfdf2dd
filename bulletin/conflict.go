package bulletin

// Beside the line: what will be heard badly, said before it is heard.

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/lang"
	"loa/wire"
)

// Reach is how far, in metres, two loudspeakers are heard by the same house
// (field reports of three clusters audible in one home; sound takes a second for
// 340 m).
const Reach = 300

// Hint is a conflict as a sentence of the catalogue. It forbids nothing.
type Hint struct {
	Key  string
	Args []any
	At   int64  // UTC ms it concerns, for the order
	Slot string // of ours, "" for a whole day
}

// Conflicts explains what is wrong with the days ahead at some poles: items that
// overlap on one of them, items that run past the hours the rules give,
// neighbours of another commune that sound something else in the same minute,
// days with more minutes than most (0 for no limit) allows.
func Conflicts(ours, theirs []Ahead, most time.Duration) []Hint {
	var all []Hint
	said := map[string]bool{}
	say := func(at int64, slot, key string, args ...any) {
		once := key + "\x00" + slot
		if slot == "" {
			once = key + dateOf(at)
		}
		if !said[once] {
			said[once] = true
			all = append(all, Hint{key, args, at, slot})
		}
	}
	for _, a := range ours {
		minutes := map[string]int64{}
		for i, f := range a.Items {
			switch f.Why {
			case wire.WhyBusy:
				if before := sounding(a.Items[:i], f.Start); before != nil {
					say(f.Start, f.Slot.ID, "conflict.overlap", f.Title, before.Title, clockAt(f.Start), a.Pole.Name)
				}
			case "policy.hours", "placement.hours":
				say(f.Start, f.Slot.ID, "conflict.hours", f.Title, clockAt(f.Start), clockAt(f.End()), a.Pole.Name)
			case "":
				minutes[dateOf(f.Start)] += f.MS
			}
		}
		for d, ms := range minutes {
			if most > 0 && ms > most.Milliseconds() {
				at, _ := time.ParseInLocation(time.DateOnly, d, loa.Zone())
				say(at.UnixMilli(), "", "conflict.minutes", at.Format("02/01"), (ms+59_999)/60_000, int(most.Minutes()))
			}
		}
		for _, b := range theirs {
			if !near(a.Placement, b.Placement) {
				continue
			}
			for _, f := range a.Items {
				if !f.Sounds() {
					continue
				}
				if g := sounding(b.Items, f.Start); g != nil && !same(f, *g) {
					say(f.Start, f.Slot.ID, "conflict.echo", f.Title, clockAt(f.Start), a.Pole.Name, g.Title, b.Pole.Name)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Hint) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Key, b.Key)) })
	return all
}

// sounding is the item that fills the minute of a moment: it ends after its
// beginning and starts before its end.
func sounding(items []Foreseen, at int64) *Foreseen {
	minute := at - at%60_000
	for i, f := range items {
		if f.Sounds() && f.Start < minute+60_000 && f.End() > minute {
			return &items[i]
		}
	}
	return nil
}

// same reports whether two items are the same sound started together: neighbours
// that relay one bulletin in step are no echo.
func same(f, g Foreseen) bool {
	return f.Slot.Warrant == g.Slot.Warrant && f.Start == g.Start
}

func near(a, b wire.Placement) bool {
	if a.At == nil || b.At == nil || len(b.Paths) == 0 {
		return false
	}
	return wire.InScope([]wire.Place{{Path: b.Paths[0], Area: &wire.Area{Centre: a.At, Radius: Reach}}}, b)
}

// Repeats explains which of some bulletins says what an earlier one said within
// so many days: the same sound, or the same words. A bulletin is not its own
// repeat; reading it twice is decided in its form.
func (b Bulletin) Repeats(before []Bulletin, days int) []Hint {
	for _, o := range before {
		if o.ID == b.ID || o.Path != b.Path || b.MadeAt-o.MadeAt > int64(days)*24*time.Hour.Milliseconds() || o.MadeAt > b.MadeAt ||
			!slices.Contains([]State{Sealed, Scheduled, Dispatched, Expired, Stopped}, o.State) {
			continue
		}
		if said := b.content(); said != "" && said == o.content() {
			return []Hint{{Key: "conflict.repeat", Args: []any{o.Title, time.UnixMilli(o.MadeAt).In(loa.Zone()).Format("02/01")}, At: b.MadeAt}}
		}
	}
	return nil
}

// content is what a listener would recognise: the words, or where there are none
// the sound.
func (b Bulletin) content() string {
	var said strings.Builder
	for _, r := range b.Renditions {
		if words := strings.Join(strings.Fields(lang.Fold(r.Text)), " "); words != "" {
			said.WriteString(words + "\n")
		} else {
			said.WriteString(r.Media)
		}
	}
	return said.String()
}

func dateOf(ms int64) string  { return time.UnixMilli(ms).In(loa.Zone()).Format(time.DateOnly) }
func clockAt(ms int64) string { return time.UnixMilli(ms).In(loa.Zone()).Format("15:04") }
