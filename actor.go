package loa

import "slices"

// Right is one thing a post may do, over a place and everything below it.
type Right string

// The rights. A post holds some of them over one or more paths.
const (
	RightWrite    Right = "bulletin.write"    // draft, listen, ask for approval, schedule
	RightApprove  Right = "bulletin.approve"  // approve or return; never the own draft
	RightDispatch Right = "bulletin.dispatch" // schedule, play now, stop, recall
	RightSpeakers Right = "speaker.manage"    // enrol, place and swap speakers
	RightPeople   Right = "people.manage"     // posts, holders, rights
	RightLive     Right = "bulletin.live"     // speak live; recorded, and reviewed the next working day
	RightForm     Right = "bulletin.form"     // send notices from an outside body, by its limited form
	RightRead     Right = "desk.read"         // see the desk, the playback log, the journal
)

// Grant is rights over a place and everything below it.
type Grant struct {
	Path   Path
	Rights []Right
}

// Actor is the person who acts, with the rights that the posts held today give.
// Jobs of the program act as System.
type Actor struct {
	ID     string // person id
	Name   string
	Post   string // the post named on screen, e.g. "Phó Chủ tịch UBND xã"
	Grants []Grant
	// Cooling is a person who got in again by a recovery less than a day ago: no
	// emergency counts their yes, and they manage no people.
	Cooling bool
}

// System is the actor of the program's own jobs; it holds no right a person
// could borrow and is refused by every step that demands a person.
func System() Actor { return Actor{ID: "system", Name: "Loa"} }

// May reports whether the actor holds the right over p: one comparison of
// paths, no database.
func (a Actor) May(r Right, p Path) bool {
	for _, g := range a.Grants {
		if !g.Path.Covers(p) {
			continue
		}
		if slices.Contains(g.Rights, r) {
			return true
		}
	}
	return false
}

// Must is May as an error: the sentence names the right and the place.
func (a Actor) Must(r Right, p Path) error {
	if a.May(r, p) {
		return nil
	}
	return Errorf(Forbidden, "right.missing", string(r), string(p))
}

// Places lists the paths over which the actor holds r.
func (a Actor) Places(r Right) []Path {
	var all []Path
	for _, g := range a.Grants {
		for _, have := range g.Rights {
			if have == r {
				all = append(all, g.Path)
			}
		}
	}
	return all
}
