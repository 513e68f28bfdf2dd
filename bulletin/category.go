package bulletin

import (
	"slices"
	"time"

	"loa"
	"loa/wire"
)

// Roles is every role a bulletin may have; most have none.
func Roles() []wire.Role {
	return []wire.Role{wire.NoRole, wire.Tune, wire.Greeting, wire.Music, wire.Goodbye, wire.TestSound}
}

// Category is the field (lĩnh vực) of essential information that a bulletin
// belongs to, after article 6 of Decree 49/2024/NĐ-CP. The codes are ours and
// stay; no official list of codes is public. "" is not said.
type Category string

// The categories, in the order of the article. Answer is ours: the article's
// end is not in the sources we have, and article 8 gives the station that task.
const (
	Policy    Category = "policy"    // the Party's line, the State's policy and law
	Direction Category = "direction" // rules and direction of the local authorities
	Events    Category = "events"    // important events that concern local people
	Projects  Category = "projects"  // projects and programmes, social security
	Life      Category = "life"      // local politics, economy, culture, society; knowledge
	Order     Category = "order"     // security, order, safety, local military work
	Disaster  Category = "disaster"  // disasters, rescue, fire, emergency medicine, epidemics
	Example   Category = "example"   // good people, good deeds
	Offences  Category = "offences"  // against law-breaking and social evils
	Services  Category = "services"  // goods and services for production and life
	Answer    Category = "answer"    // answers to what people asked
)

// Categories is every category, in the order of the article.
func Categories() []Category {
	return []Category{Policy, Direction, Events, Projects, Life, Order, Disaster, Example, Offences, Services, Answer}
}

func (c Category) check() error {
	if c == "" || slices.Contains(Categories(), c) {
		return nil
	}
	return loa.Errorf(loa.Invalid, "bulletin.category", loa.Clip(string(c)))
}

// checkWanted checks sessions chosen before anybody knows whether they will be
// held: real days, a part's word, none twice.
func checkWanted(all []Choice) error {
	if len(all) > 60 {
		return loa.Errorf(loa.Invalid, "schedule.empty")
	}
	for i, c := range all {
		if _, err := time.Parse(time.DateOnly, c.Day); err != nil {
			return loa.Errorf(loa.Invalid, "schedule.day", loa.Clip(c.Day))
		}
		if !isWord(c.Part) || slices.Contains(all[:i], c) {
			return loa.Errorf(loa.Invalid, "schedule.part", loa.Clip(c.Part))
		}
	}
	return nil
}

// isWord reports whether s is a short word of lower-case letters, digits and
// hyphens, as parts of the day are called.
func isWord(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
