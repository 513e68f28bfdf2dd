package upkeep

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/journal"
)

// Cause is what is wrong, as the list counts it.
type Cause string

// The causes. The first five the boxes show themselves.
const (
	Silent Cause = "silent" // mất kết nối
	Output Cause = "output" // the box cannot sound: its amplifier or card
	Clock  Cause = "clock"  // the box does not know the time
	Disk   Cause = "disk"   // its store is nearly full
	Quiet  Cause = "quiet"  // it plays much lower than it did
	Horn   Cause = "horn"   // hỏng củ loa
	Power  Cause = "power"
	SIM    Cause = "sim" // out of data, out of date, lost
	Mast   Cause = "pole"
	Other  Cause = "other"
)

// Causes lists them in the order of the form.
func Causes() []Cause {
	return []Cause{Silent, Horn, Output, Power, SIM, Quiet, Clock, Disk, Mast, Other}
}

// State is how far the repair has come.
type State string

// The states.
const (
	Proposed State = "proposed" // the boxes show it; nobody has looked yet
	Open     State = "open"     // somebody has said so
	Called   State = "called"   // somebody is to come
	Parts    State = "parts"    // waits for parts
	Done     State = "done"
	Dropped  State = "dropped" // no fault, or it passed by itself
)

// Live are the states of what is still broken.
func Live() []State { return []State{Proposed, Open, Called, Parts} }

// moves is the table of allowed steps.
func moves() map[State][]State {
	return map[State][]State{
		Proposed: {Open, Called, Dropped},
		Open:     {Called, Parts, Done, Dropped},
		Called:   {Called, Parts, Done, Dropped},
		Parts:    {Called, Parts, Done, Dropped},
		Done:     {Open}, // it broke again within days: the same story
		Dropped:  {Open},
	}
}

// Fault is one entry of the repair book.
type Fault struct {
	ID       string
	Pole     string // id
	Code     string // public code of the pole
	PoleName string
	Path     loa.Path
	Cause    Cause
	State    State
	Said     string
	By       string // person id, "system" where the boxes showed it
	ByName   string
	Opened   int64 // UTC ms
	Changed  int64
	Fixer    string
	Due      string // 2026-11-27
	Supplier string
	Parts    string
	Cost     int64 // đồng
	Remedy   string
	Ended    int64 // UTC ms, 0 while it lives
}

// Itself reports whether the boxes showed it and no person reported it.
func (f Fault) Itself() bool { return f.By == loa.System().ID }

// Next are the states the fault may go to.
func (f Fault) Next() []State { return moves()[f.State] }

// Age is how long it has lasted, in whole hours.
func (f Fault) Age(nowMS int64) int64 {
	end := nowMS
	if f.Ended != 0 {
		end = f.Ended
	}
	return (end - f.Opened) / time.Hour.Milliseconds()
}

// Step is what a person says of a fault when they move it on. What is left empty
// stays as it was.
type Step struct {
	To       State
	Fixer    string
	Due      string
	Supplier string
	Parts    string
	Cost     int64
	Remedy   string
}

// maxCost is more than any station's repair: a slip of the keys.
const maxCost = 10_000_000_000

// Step moves the fault on.
func (f Fault) Step(s Step, now time.Time) (Fault, journal.Entry, error) {
	if !slices.Contains(f.Next(), s.To) {
		return f, journal.Entry{}, loa.Errorf(loa.Conflict, "fault.moved")
	}
	keep := func(to *string, said string) {
		if said = strings.Join(strings.Fields(said), " "); said != "" {
			*to = said
		}
	}
	n := f
	keep(&n.Fixer, s.Fixer)
	keep(&n.Due, s.Due)
	keep(&n.Supplier, s.Supplier)
	keep(&n.Parts, s.Parts)
	keep(&n.Remedy, s.Remedy)
	if s.Cost != 0 {
		n.Cost = s.Cost
	}
	if err := n.check(); err != nil {
		return f, journal.Entry{}, err
	}
	switch {
	case s.To == Called && n.Fixer == "":
		return f, journal.Entry{}, loa.Errorf(loa.Invalid, "fault.fixer")
	case (s.To == Done || s.To == Dropped) && strings.TrimSpace(s.Remedy) == "":
		return f, journal.Entry{}, loa.Errorf(loa.Invalid, "fault.remedy")
	}
	n.State, n.Changed, n.Ended = s.To, now.UnixMilli(), 0
	if s.To == Done || s.To == Dropped {
		n.Ended = now.UnixMilli()
	}
	return n, n.entry(), nil
}

// entry is the step's row of the book.
func (f Fault) entry() journal.Entry {
	return journal.Entry{Verb: "fault." + string(f.State), Path: f.Path, Subject: f.ID, Data: f}
}

func (f Fault) check() error {
	if !slices.Contains(Causes(), f.Cause) {
		return loa.Errorf(loa.Invalid, "fault.cause")
	}
	for _, s := range []string{f.Said, f.Fixer, f.Supplier, f.Parts, f.Remedy} {
		if utf8.RuneCountInString(s) > 500 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return loa.Errorf(loa.Invalid, "fault.long", 500)
		}
	}
	if _, err := time.Parse(time.DateOnly, f.Due); f.Due != "" && err != nil {
		return loa.Errorf(loa.Invalid, "fault.due", loa.Clip(f.Due))
	}
	if f.Cost < 0 || f.Cost > maxCost {
		return loa.Errorf(loa.Invalid, "fault.cost")
	}
	return nil
}
