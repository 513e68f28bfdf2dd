package bulletin

// Beside the line: the language plan of a place. A bulletin that lacks a
// language of the plan does not leave for that place without anybody asking.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/unit"
)

// LanguagePlan is what must be spoken in a place and below it, beside Vietnamese.
type LanguagePlan struct {
	Path      loa.Path
	Languages []string
}

// Gap is a language that a bulletin lacks in a place it means. Why, Who and At
// are of the person who lets it leave all the same.
type Gap struct {
	Path loa.Path
	Name string // of the place
	Lang string
	Why  string
	Who  string
	At   int64
}

// gaps is the rule: every planned language of every place the bulletin touches
// must be among its own.
func (b Bulletin) gaps(plans []LanguagePlan) (all []Gap) {
	for _, p := range plans {
		touched := slices.ContainsFunc(b.Scope, func(s loa.Path) bool { return s.Covers(p.Path) || p.Path.Covers(s) })
		for _, l := range p.Languages {
			if touched && !b.Has(l) {
				all = append(all, Gap{Path: p.Path, Lang: l})
			}
		}
	}
	return all
}

// without is a scope that no longer touches a place: an entry that covers it is
// replaced by what else lies in it. children gives what lies directly below.
func without(scope []loa.Path, out loa.Path, children func(loa.Path) ([]loa.Path, error)) (all []loa.Path, err error) {
	for _, s := range scope {
		switch {
		case out.Covers(s): // it lies inside
		case !s.Covers(out):
			all = append(all, s)
		default:
			below, err := children(s)
			if err != nil {
				return nil, err
			}
			rest, err := without(below, out, children)
			if err != nil {
				return nil, err
			}
			all = append(all, rest...)
		}
	}
	return all, nil
}

// SetLanguagePlan writes what must be spoken in a place; no language takes the
// plan away. It needs bulletin.dispatch there.
func (f *Flow) SetLanguagePlan(ctx context.Context, who loa.Actor, p LanguagePlan) error {
	if err := who.Must(loa.RightDispatch, p.Path); err != nil {
		return err
	}
	var languages []string
	for _, l := range p.Languages {
		known, err := knownLanguage(l)
		if err != nil {
			return err
		}
		if known != Vietnamese && !slices.Contains(languages, known) {
			languages = append(languages, known)
		}
	}
	if len(languages) >= maxRenditions {
		return loa.Errorf(loa.Invalid, "rendition.too_many", maxRenditions)
	}
	var row string
	entry := journal.Entry{Verb: "language_plan.set", Path: p.Path, Subject: string(p.Path), Data: map[string]any{"languages": languages}}
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := unit.FindTx(tx, p.Path); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO language_plan (path, languages, who, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (path) DO UPDATE SET languages = excluded.languages, who = excluded.who, at = excluded.at`,
			p.Path, strings.Join(languages, "\n"), who.ID, tx.NowMS()); err != nil {
			return err
		}
		var err error
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("set language plan: %w", err)
	}
	f.Said(row, entry)
	return nil
}

// LanguagePlans lists the plans of a place and of all below it.
func (f *Flow) LanguagePlans(ctx context.Context, at loa.Path) (all []LanguagePlan, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = languagePlans(tx, at)
		return err
	})
	return all, err
}

func languagePlans(tx *db.Tx, at loa.Path) ([]LanguagePlan, error) {
	from, to := db.PrefixRange(string(at))
	all, err := db.All(tx, `SELECT path, languages FROM language_plan WHERE languages <> '' AND (path = ? OR path >= ? AND path < ?)
		ORDER BY path`, []any{at, from, to},
		func(scan func(...any) error) (p LanguagePlan, err error) {
			var languages string
			err = scan(&p.Path, &languages)
			p.Languages = strings.Fields(languages)
			return p, err
		})
	return all, err
}

// Gaps lists the languages a bulletin lacks where it is meant to sound, those
// that somebody answers for included.
func (f *Flow) Gaps(ctx context.Context, b Bulletin) (all []Gap, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = gapsOf(tx, b)
		return err
	})
	return all, err
}

func gapsOf(tx *db.Tx, b Bulletin) ([]Gap, error) {
	plans, err := languagePlans(tx, b.Path)
	if err != nil {
		return nil, err
	}
	whole := b
	for _, s := range b.Scope { // what a zone names is meant too
		members, err := unit.Members(tx, s)
		if err != nil {
			return nil, err
		}
		whole.Scope = append(slices.Clip(whole.Scope), members...)
	}
	all := whole.gaps(plans)
	if len(all) == 0 {
		return nil, nil
	}
	waived, err := db.All(tx, `SELECT path, lang, why, who_name, at FROM language_waiver WHERE bulletin_id = ?`, []any{b.ID},
		func(scan func(...any) error) (g Gap, err error) {
			return g, scan(&g.Path, &g.Lang, &g.Why, &g.Who, &g.At)
		})
	if err != nil {
		return nil, err
	}
	for i, g := range all {
		if w := slices.IndexFunc(waived, func(w Gap) bool { return w.Path == g.Path && w.Lang == g.Lang }); w >= 0 {
			all[i] = waived[w]
		}
		u, err := unit.FindTx(tx, g.Path)
		if err != nil {
			return nil, err
		}
		all[i].Name = u.FullName()
	}
	return all, nil
}

// planned refuses a bulletin that lacks a language nobody answers for.
func (b Bulletin) planned(tx *db.Tx) error {
	all, err := gapsOf(tx, b)
	for _, g := range all {
		if g.Why == "" {
			return loa.Errorf(loa.Invalid, "plan.missing", g.Name, "language."+g.Lang)
		}
	}
	return err
}

// WaiveLanguages (phát thiếu, có lý do) lets a draft leave without the languages
// it lacks: somebody who may dispatch answers for it, with a reason. Editing the
// draft takes the word back.
func (f *Flow) WaiveLanguages(ctx context.Context, who loa.Actor, id, why string) (Bulletin, error) {
	why, err := reason(why)
	if err != nil {
		return Bulletin{}, err
	}
	return f.step(ctx, who, id, waive, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightDispatch, b.Path); err != nil {
			return journal.Entry{}, err
		}
		all, err := gapsOf(tx, *b)
		if err != nil {
			return journal.Entry{}, err
		}
		var lacks []string
		for _, g := range all {
			if g.Why != "" {
				continue
			}
			if _, err := tx.Exec(`INSERT INTO language_waiver (bulletin_id, path, lang, why, who, who_name, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				b.ID, g.Path, g.Lang, why, who.ID, who.Name, tx.NowMS()); err != nil {
				return journal.Entry{}, err
			}
			lacks = append(lacks, string(g.Path)+" "+g.Lang)
		}
		if len(lacks) == 0 {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "plan.nothing_missing")
		}
		return journal.Entry{Data: map[string]any{"why": why, "lacks": lacks}}, nil
	})
}

// LeaveOut takes a place out of a draft's scope, and what else lay in a larger
// place stays in.
func (f *Flow) LeaveOut(ctx context.Context, who loa.Actor, id string, out loa.Path) (Bulletin, error) {
	return f.step(ctx, who, id, edit, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightWrite, b.Path); err != nil {
			return journal.Entry{}, err
		}
		scope, err := without(b.Scope, out, func(p loa.Path) (below []loa.Path, err error) {
			units, err := unit.Under(tx, p)
			for _, u := range units {
				if u.Parent == p && u.Level != unit.Zone { // what a zone names lies in hamlets
					below = append(below, u.Path)
				}
			}
			return below, err
		})
		if err != nil {
			return journal.Entry{}, err
		}
		n := b.Notice()
		n.Scope = scope
		if err := n.places(tx); err != nil {
			return journal.Entry{}, err
		}
		b.Scope = scope
		return journal.Entry{Data: map[string]any{"left_out": out}}, nil
	})
}
