package unit

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/db"
)

// Register is the register of places in one database.
type Register struct {
	DB *db.DB
}

// Level says where in the tree a unit stands. Since 1 July 2025 there are two
// levels of local government; below the commune are levels of our own.
type Level string

// The levels.
const (
	Country  Level = "country"
	Province Level = "province"
	Commune  Level = "commune"
	Hamlet   Level = "hamlet" // thôn, bản, ấp …: no level of government, but where people hear
	Zone     Level = "zone"   // any named set of hamlets of one commune: "ven sông"
	Former   Level = "former" // a commune that merged: people still say its name
)

// Type is the legal or customary kind of a unit within its level, the stable
// key of the word FormOf gives.
type Type string

// The types of everything but hamlets, whose kinds Types lists.
const (
	Nation       Type = "quoc_gia"
	Tinh         Type = "tinh"
	ThanhPho     Type = "thanh_pho"
	Xa           Type = "xa"
	Phuong       Type = "phuong"
	DacKhu       Type = "dac_khu"
	ThiTran      Type = "thi_tran" // former communes only: abolished on 1 July 2025
	SpeakerGroup Type = "nhom"     // the type of every zone
)

// kind is what Loa knows about a type.
type kind struct {
	Type
	form   string   // the Vietnamese word, as it stands inside a sentence
	levels []Level  // where it occurs
	short  []string // how people shorten the word when they search, folded
}

// kinds is every type. Thôn and tổ dân phố are the law's words for a hamlet
// (Circular 04/2012/TT-BNV, article 2), the other hamlets are what places call
// theirs.
func kinds() []kind {
	hamlet := []Level{Hamlet}
	return []kind{
		{Nation, "", []Level{Country}, nil},
		{Tinh, "tỉnh", []Level{Province}, nil},
		{ThanhPho, "thành phố", []Level{Province}, []string{"tp", "tp."}},
		{Xa, "xã", []Level{Commune, Former}, []string{"x."}},
		{Phuong, "phường", []Level{Commune, Former}, []string{"p."}},
		{DacKhu, "đặc khu", []Level{Commune}, nil},
		{ThiTran, "thị trấn", []Level{Former}, []string{"tt", "tt."}},
		{SpeakerGroup, "nhóm cụm loa", []Level{Zone}, nil},
		{"thon", "thôn", hamlet, nil},
		{"lang", "làng", hamlet, nil},
		{"xom", "xóm", hamlet, nil},
		{"ban", "bản", hamlet, nil},
		{"buon", "buôn", hamlet, nil},
		{"bon", "bon", hamlet, nil},
		{"plei", "plei", hamlet, nil},
		{"phum", "phum", hamlet, nil},
		{"soc", "sóc", hamlet, nil},
		{"ap", "ấp", hamlet, nil},
		{"khom", "khóm", hamlet, nil},
		{"khu", "khu", hamlet, nil},
		{"khu_pho", "khu phố", hamlet, []string{"kp"}},
		{"khoi", "khối", hamlet, nil},
		{"khoi_pho", "khối phố", hamlet, nil},
		{"khu_vuc", "khu vực", hamlet, nil},
		{"tieu_khu", "tiểu khu", hamlet, nil},
		{"to_dan_pho", "tổ dân phố", hamlet, []string{"tdp", "to"}},
	}
}

// FormOf is the Vietnamese word for a type as it stands inside a sentence
// ("xã", "đặc khu", "tổ dân phố"), "" for the country and for unknown types.
func FormOf(t Type) string {
	for _, k := range kinds() {
		if k.Type == t {
			return k.form
		}
	}
	return ""
}

// Types are the types a unit of level l may have, for a form that offers them.
func Types(l Level) []Type {
	var all []Type
	for _, k := range kinds() {
		if slices.Contains(k.levels, l) {
			all = append(all, k.Type)
		}
	}
	return all
}

// under reports whether a unit of level l may lie directly below one of level
// above: a hamlet also below the former commune it came from, or below another
// hamlet (xóm Chùa of thôn 3).
func (l Level) under(above Level) bool {
	switch l {
	case Country:
		return above == ""
	case Province:
		return above == Country
	case Commune:
		return above == Province
	case Former, Zone:
		return above == Commune
	case Hamlet:
		return above == Commune || above == Former || above == Hamlet
	}
	return false
}

// Unit is one place.
type Unit struct {
	Path   loa.Path
	Code   string // official code with its leading zeros, "" where there is none
	Parent loa.Path
	Level  Level
	Type   Type
	Name   string    // without the word of its type: "Đồng Sậy"
	From   time.Time // the first moment the unit exists
	To     time.Time // the first moment it no longer does; zero: it goes on
}

// FullName is the name as it stands inside a sentence: "xã Đồng Sậy",
// "thị trấn Đồng Rạ (cũ)".
func (u Unit) FullName() string {
	s := strings.TrimSpace(FormOf(u.Type) + " " + u.Name)
	if u.Level == Former {
		s += " (cũ)"
	}
	return s
}

// At reports whether the unit exists at t.
func (u Unit) At(t time.Time) bool {
	return !t.Before(u.From) && (u.To.IsZero() || t.Before(u.To))
}

// Kind says how a predecessor belongs to its unit.
type Kind string

// The kinds.
const (
	Whole  Kind = "whole"  // all of the predecessor became part of the unit
	Part   Kind = "part"   // some of it did
	Listed Kind = "listed" // the source names the pair without saying how much
	Alias  Kind = "alias"  // the same unit under a code that other lists print
)

// Predecessor is what a unit was formed from.
type Predecessor struct {
	Code string // "" where it had none
	Name string // with the word of its type: "thị trấn Đồng Rạ"
	Kind Kind
}

// check is everything about a unit that can be said without the register.
func (u Unit) check() error {
	if !slices.Contains(Types(u.Level), u.Type) {
		return loa.Errorf(loa.Invalid, "unit.type_unknown", string(u.Type), string(u.Level))
	}
	if _, err := loa.ParsePath(string(u.Path)); err != nil {
		return err
	}
	segments := strings.Split(string(u.Path), "/")
	if !u.Level.shaped(segments) {
		return loa.Errorf(loa.Invalid, "unit.path_level", string(u.Path), string(u.Level))
	}
	if u.Parent != u.Path.Parent() {
		return loa.Errorf(loa.Invalid, "unit.parent_differs", string(u.Parent), string(u.Path))
	}
	official := u.Level == Province || u.Level == Commune
	if official && u.Code != segments[len(segments)-1] || !isCode(u.Code) {
		return loa.Errorf(loa.Invalid, "unit.code_differs", loa.Clip(u.Code), string(u.Path))
	}
	if !isName(u.Name) {
		return loa.Errorf(loa.Invalid, "unit.name_bad", loa.Clip(u.Name))
	}
	if !u.To.IsZero() && !u.To.After(u.From) {
		return loa.Errorf(loa.Invalid, "unit.ends_before_start", u.FullName())
	}
	return nil
}

// shaped reports whether a path of these segments can be a unit of level l. A
// segment "h" or "z" is a marker, never a place, and nothing lies below a zone.
func (l Level) shaped(segments []string) bool {
	n := len(segments)
	for i, s := range segments {
		marker := i >= 3 && i%2 == 1
		if marker && s != "h" && (s != "z" || i != n-2) || !marker && (s == "h" || s == "z") {
			return false
		}
	}
	switch l {
	case Country:
		return n == 1
	case Province:
		return n == 2
	case Commune:
		return n == 3
	case Former, Zone:
		return n == 5 && (segments[3] == "z") == (l == Zone)
	case Hamlet:
		return n >= 5 && n%2 == 1 && segments[n-2] == "h"
	}
	return false
}

// isCode: codes are digits today; letters and "-" leave room for those that
// provinces give their hamlets.
func isCode(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '.' {
			return false
		}
	}
	return len(s) <= 20
}

// isName: 1 to 100 visible characters, as cleanName leaves them.
func isName(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > 100 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) { // of all spaces only U+0020 is
			return false
		}
	}
	return s == cleanName("", s)
}

// cleanName is how names are kept: NFC, single spaces, one kind of apostrophe,
// and without the word of its type ("Thôn Xuân Vực 4" is "Xuân Vực 4"), so that
// a loudspeaker never says the word twice.
func cleanName(t Type, s string) string {
	s = norm.NFC.String(strings.ReplaceAll(s, "’", "'"))
	s = strings.Join(strings.Fields(s), " ")
	if form := FormOf(t); form != "" && len(s) > len(form) && strings.EqualFold(s[:len(form)], form) && s[len(form)] == ' ' {
		s = s[len(form)+1:]
	}
	return s
}
