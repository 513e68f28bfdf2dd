package wire

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"loa"
	"loa/seal"
)

// Grant (ủy quyền duyệt) lets a person approve in the place of another who has
// the duty: which places and kinds, in which hours, until when, by which
// decision. The giver's passkey approves exactly these bytes and the signer
// keeps them; devices never see one. It never reaches an emergency or an
// exercise.
//
// With Own it is an approval in advance (duyệt trước): the delegate may be the
// author, of normal bulletins alone, no longer, no more often and no later than
// the grant says. Without Own the delegate is a second pair of eyes like any.
type Grant struct {
	V          int        `json:"v"`
	Kind       string     `json:"kind"` // "grant"
	ID         string     `json:"id"`
	Giver      string     `json:"giver"`    // person id
	Delegate   string     `json:"delegate"` // person id
	Own        bool       `json:"own"`
	Paths      []loa.Path `json:"paths"`
	Classes    []Class    `json:"classes"`              // normal, priority
	Categories []string   `json:"categories,omitempty"` // of a bulletin, or roles of a sound; none: every one
	HourFrom   int        `json:"hour_from"`            // minutes after midnight (UTC+7) when approving may begin
	HourUntil  int        `json:"hour_until"`           // and when it may no more, at most 1440
	From       int64      `json:"from"`                 // UTC ms
	Until      int64      `json:"until"`                // UTC ms
	Decision   string     `json:"decision"`             // "QĐ 12/QĐ-UBND"
	MaxMS      int64      `json:"max_ms,omitempty"`     // longest sound of one reading, 0: as long as any
	PlaysDay   int        `json:"plays_day,omitempty"`  // most plays a day of one bulletin, 0: as many as any
}

// GrantEnd takes a grant back at once. The giver, or one keeper of the roster
// over all its places, approves these bytes; one is enough to take away.
type GrantEnd struct {
	V     int    `json:"v"`
	Kind  string `json:"kind"`  // "grant-end"
	Grant string `json:"grant"` // hash of the grant's bytes
}

// ReadGrant decodes and checks a grant, strictly.
func ReadGrant(payload []byte) (g Grant, err error) {
	if err := seal.Decode(payload, seal.MaxDocument, &g); err != nil {
		return g, err
	}
	return g, g.Check()
}

// ReadGrantEnd decodes and checks the end of a grant, strictly.
func ReadGrantEnd(payload []byte) (e GrantEnd, err error) {
	if err := seal.Decode(payload, seal.MaxDocument, &e); err != nil {
		return e, err
	}
	return e, e.Check()
}

// Check says what is wrong with a grant's own content.
func (g Grant) Check() error {
	if err := head(g.V, g.Kind, "grant"); err != nil {
		return err
	}
	if !loa.IsID(g.ID) || g.Giver == "" || len(g.Giver) > 64 || g.Delegate == "" || len(g.Delegate) > 64 {
		return malformed("grant", "id or people")
	}
	if g.Giver == g.Delegate {
		return loa.Errorf(loa.Forbidden, "grant.to_self")
	}
	if len(g.Paths) == 0 || len(g.Paths) > 16 {
		return malformed("grant", "paths")
	}
	for _, p := range g.Paths {
		if _, err := loa.ParsePath(string(p)); err != nil {
			return err
		}
	}
	if len(g.Classes) == 0 || len(g.Classes) > 2 || len(g.Categories) > 32 {
		return malformed("grant", "kinds")
	}
	for i, c := range g.Classes {
		if c != Normal && c != Priority || slices.Contains(g.Classes[:i], c) {
			return malformed("grant", "classes") // above all: never an emergency
		}
	}
	for _, c := range g.Categories {
		if c == "" || len(c) > 64 {
			return malformed("grant", "categories")
		}
	}
	if g.HourFrom < 0 || g.HourUntil > 1440 || g.HourFrom >= g.HourUntil {
		return malformed("grant", "hours")
	}
	if g.From <= 0 || g.Until <= g.From {
		return malformed("grant", "from, until")
	}
	if g.Decision == "" || len(g.Decision) > 100 || !utf8.ValidString(g.Decision) {
		return malformed("grant", "decision")
	}
	if g.MaxMS < 0 || g.PlaysDay < 0 || g.PlaysDay > 100 {
		return malformed("grant", "bounds")
	}
	if g.Own && (len(g.Classes) != 1 || g.Classes[0] != Normal || g.MaxMS == 0 || g.PlaysDay == 0) {
		return malformed("grant", "bounds of an approval in advance")
	}
	return nil
}

// Check says what is wrong with the end of a grant.
func (e GrantEnd) Check() error {
	if err := head(e.V, e.Kind, "grant-end"); err != nil {
		return err
	}
	if !loa.IsHash(e.Grant) {
		return malformed("grant", "hash")
	}
	return nil
}

// Allows is the whole rule of a grant: whether this person may, at now (UTC
// milliseconds), approve this warrant under it. Whether the giver still has the
// duty is asked beside it, of the roster.
func (g Grant) Allows(w Warrant, person string, now int64) error {
	if person != g.Delegate {
		return loa.Errorf(loa.Forbidden, "grant.not_yours")
	}
	if now < g.From || now >= g.Until {
		return loa.Errorf(loa.Forbidden, "grant.over", g.Decision)
	}
	local := time.UnixMilli(now).In(loa.Zone())
	if minute := local.Hour()*60 + local.Minute(); minute < g.HourFrom || minute >= g.HourUntil {
		return loa.Errorf(loa.Forbidden, "grant.hours", g.Decision)
	}
	if w.Kind != Play || w.Now || !slices.Contains(g.Classes, w.Class) {
		return loa.Errorf(loa.Forbidden, "grant.class", g.Decision)
	}
	for _, p := range w.Paths() {
		if !slices.ContainsFunc(g.Paths, func(q loa.Path) bool { return q.Covers(p) }) {
			return loa.Errorf(loa.Forbidden, "grant.place", g.Decision)
		}
	}
	if len(g.Categories) > 0 && !slices.Contains(g.Categories, w.Category()) && !slices.Contains(g.Categories, string(w.Role)) {
		return loa.Errorf(loa.Forbidden, "grant.category", g.Decision)
	}
	if g.MaxMS > 0 && w.MS() > g.MaxMS {
		return loa.Errorf(loa.Forbidden, "grant.too_long", g.Decision, g.MaxMS/1000)
	}
	if g.PlaysDay > 0 && w.PlaysDay > g.PlaysDay {
		return loa.Errorf(loa.Forbidden, "grant.too_often", g.Decision, g.PlaysDay)
	}
	if w.Author == g.Giver {
		return loa.Errorf(loa.Forbidden, "grant.giver_wrote", g.Decision) // on behalf of the author is no second pair of eyes
	}
	if !g.Own {
		if w.Author == person {
			return loa.Errorf(loa.Forbidden, "approval.by_author")
		}
		return nil
	}
	if w.Until > g.Until {
		return loa.Errorf(loa.Forbidden, "grant.outlives", g.Decision) // what was approved in advance ends with the approval
	}
	return nil
}

// About writes what Category reads; "" is nothing.
func About(category string) json.RawMessage {
	if category == "" {
		return nil
	}
	b, err := json.Marshal(map[string]string{"category": category})
	if err != nil {
		return nil // a text is always written
	}
	return b
}

// Category is what kind of notice a warrant says it is ("nuoc", "rac"), "" when
// it does not say. It stands under "ignorable": no speaker decides by it.
func (w Warrant) Category() string {
	var about map[string]json.RawMessage // exact keys: a struct would also take "CATEGORY"
	var category string
	if json.Unmarshal(w.Ignore, &about) != nil || json.Unmarshal(about["category"], &category) != nil {
		return ""
	}
	return category
}
