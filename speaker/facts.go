package speaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/unit"
	"loa/wire"
)

// Facts is what a province must be able to tell of every cụm loa (Circular
// 39/2020/TT-BTTTT; dispatch 271/2025 for the stations that merged). None of it
// is sealed: a device does not need to know who paid for it.
type Facts struct {
	Technology string // one of Technologies
	Vendor     string
	Model      string
	Serial     string
	ICCID      string // of the SIM
	Carrier    string // whose SIM it is
	SIMUntil   string `json:",omitempty"` // 2027-01-31: until when its fee is paid
	Horns      int    // loa; 0: nobody said
	Watts      int    // of the amplifier
	Power      string // one of Powers, or ""
	Owner      string
	Installed  string // 2024-05-01
	Sensitive  string // one of Sensitives: what is near, or ""
	Note       string
}

// Technologies are the ways sound comes to a cụm loa.
func Technologies() []string { return []string{"ip", "fm", "wired", "mixed"} }

// Powers are where its current comes from.
func Powers() []string { return []string{"grid", "grid_battery", "solar", "battery"} }

// Sensitives are what is near that people complain for, or are owed quiet.
func Sensitives() []string { return []string{"school", "clinic", "worship", "homes", "other"} }

// tidy brings what was typed into the form that is kept.
func (p Pole) tidy() Pole {
	for _, s := range []*string{&p.Name, &p.Vendor, &p.Model, &p.Serial, &p.ICCID, &p.Carrier, &p.Owner, &p.Note, &p.Installed, &p.SIMUntil} {
		*s = strings.Join(strings.Fields(norm.NFC.String(*s)), " ")
	}
	p.Code = strings.ToUpper(strings.TrimSpace(p.Code))
	p.ICCID = strings.ReplaceAll(p.ICCID, " ", "")
	p.Technology = cmp.Or(p.Technology, "ip")
	return p
}

// check is everything about a pole that can be said without the register.
func (p Pole) check() error {
	switch {
	case p.Name == "" || len(p.Name) > 200 || !utf8.ValidString(p.Name):
		return loa.Errorf(loa.Invalid, "pole.name")
	case p.Cap < 1 || p.Cap > 100:
		return loa.Errorf(loa.Invalid, "pole.cap", p.Cap)
	case len(p.Code) > wire.MaxCode || strings.Trim(p.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != "":
		return loa.Errorf(loa.Invalid, "pole.code", wire.MaxCode)
	case p.Path.Commune() == "":
		return loa.Errorf(loa.Invalid, "pole.outside_commune", string(p.Path))
	case p.At != nil && (p.At.Lat < -90_000_000 || p.At.Lat > 90_000_000 || p.At.Lon < -180_000_000 || p.At.Lon > 180_000_000):
		return loa.Errorf(loa.Invalid, "pole.at")
	case !slices.Contains(Technologies(), p.Technology) || p.Power != "" && !slices.Contains(Powers(), p.Power) ||
		p.Sensitive != "" && !slices.Contains(Sensitives(), p.Sensitive):
		return loa.Errorf(loa.Invalid, "page.form")
	case p.ICCID != "" && (len(p.ICCID) < 18 || len(p.ICCID) > 22 || strings.Trim(p.ICCID, "0123456789") != ""):
		return loa.Errorf(loa.Invalid, "pole.iccid", loa.Clip(p.ICCID))
	case p.Horns < 0 || p.Horns > 64 || p.Watts < 0 || p.Watts > 5000:
		return loa.Errorf(loa.Invalid, "pole.horns")
	}
	if _, err := time.Parse(time.DateOnly, p.Installed); p.Installed != "" && err != nil {
		return loa.Errorf(loa.Invalid, "pole.installed", loa.Clip(p.Installed))
	}
	if _, err := time.Parse(time.DateOnly, p.SIMUntil); p.SIMUntil != "" && err != nil {
		return loa.Errorf(loa.Invalid, "pole.sim_until_bad", loa.Clip(p.SIMUntil))
	}
	for _, s := range []string{p.Vendor, p.Model, p.Serial, p.Carrier, p.Owner, p.Note} {
		if utf8.RuneCountInString(s) > 300 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return loa.Errorf(loa.Invalid, "pole.long")
		}
	}
	return nil
}

// paths is where a placement says that the pole stands.
func (p Pole) paths() []loa.Path { return append([]loa.Path{p.Path}, p.Zones...) }

// sealedAs reports whether a placement says of the pole what the register says.
func sealedAs(tx *db.Tx, p Pole, s wire.Placement) (bool, error) {
	hours, err := ownHours(tx, p.Code)
	same := s.Name == p.Name && s.Code == p.Code && s.Cap == p.Cap && slices.Equal(s.Paths, p.paths()) &&
		slices.Equal(s.Volumes, p.Volumes) && reflect.DeepEqual(s.At, p.At) && len(s.Hours) == len(hours) && (len(hours) == 0 || reflect.DeepEqual(s.Hours, hours))
	return same, err
}

// EditPole changes what the register says of a pole; its code, and so its QR,
// stays. Where that is sealed for its box too, the box keeps to what was sealed
// until an officer confirms it anew: Box.Stale says so.
func (r *Register) EditPole(ctx context.Context, who loa.Actor, p Pole) (Pole, error) {
	p = p.tidy()
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("pole", p.ID); err != nil && !errors.Is(err, db.ErrNone) {
			return journal.Entry{}, err
		}
		was, err := findPole(tx, p.ID)
		if err != nil {
			return journal.Entry{}, err
		}
		for _, at := range []loa.Path{was.Path, p.Path} {
			if err := who.Must(loa.RightSpeakers, at); err != nil {
				return journal.Entry{}, err
			}
		}
		p.Code = was.Code
		if err := p.check(); err != nil {
			return journal.Entry{}, err
		}
		if p.Path.Commune() != was.Path.Commune() { // its box listens to the beacon of the old one
			return journal.Entry{}, loa.Errorf(loa.Conflict, "pole.other_commune")
		}
		for _, at := range p.paths() {
			if _, err := unit.FindTx(tx, at); err != nil {
				return journal.Entry{}, err
			}
		}
		if reflect.DeepEqual(was, p) {
			return journal.Entry{}, nil
		}
		if err := updatePole(tx, p); err != nil {
			return journal.Entry{}, err
		}
		if err := markStale(tx, p); err != nil {
			return journal.Entry{}, err
		}
		if _, err := rezone(tx, p.Path.Commune()); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Verb: "speaker.pole_edited", Path: p.Path, Subject: p.ID, Data: map[string]any{"before": was, "after": p}}, nil
	})
	if err != nil {
		return Pole{}, fmt.Errorf("edit pole: %w", err)
	}
	return p, nil
}

// markStale notes on the boxes of a pole whether they hold what the register
// now says.
func markStale(tx *db.Tx, p Pole) error {
	type held struct {
		id        string
		placement []byte
	}
	boxes, err := db.All(tx, `SELECT id, placement FROM box WHERE pole_id = ? AND state = ?`, []any{p.ID, Placed},
		func(scan func(...any) error) (h held, err error) { return h, scan(&h.id, &h.placement) })
	if err != nil {
		return err
	}
	for _, b := range boxes {
		sealed, err := openPlacement(b.placement)
		if err != nil {
			return err
		}
		same, err := sealedAs(tx, p, sealed)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE box SET stale = ? WHERE id = ?`, !same, b.id); err != nil {
			return err
		}
	}
	return nil
}
