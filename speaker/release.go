package speaker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/wire"
)

// The stages a release goes through, in percent of boxes. The next one opens
// when the one before has stood a day and those boxes are well.
const (
	stageWatch   = 24 * 60 * 60_000 // ms: one day of sessions
	wellAfter    = 10 * 60          // seconds a box must have run since it started
	mostFailed   = 5                // percent of those that tried
	leastUpdated = 90               // percent of those that are meant and in contact
)

// Stages lists the shares in their order.
func Stages() []int { return []int{1, 10, 100} }

// Release is a version of the boxes' program as this node knows it.
type Release struct {
	Hash    string
	Path    loa.Path // the province whose root gave its keys
	Product string
	Number  int64
	Text    string
	From    int64 // UTC ms
	Until   int64
	Share   int // percent; 0 while nobody is offered it
	Paused  bool
	StageAt int64 // UTC ms
	At      int64
	Figures
}

// Next is the share that comes next, 0 after the last.
func (r Release) Next() int {
	for _, s := range Stages() {
		if s > r.Share {
			return s
		}
	}
	return 0
}

// Figures are the boxes a release is meant for at its stage, by how they are.
type Figures struct {
	Meant   int       // placed boxes in its share
	Updated int       // in contact and run it
	Well    int       // of these, those that have run ten minutes, know the time and complain of nothing
	Away    int       // not in contact: they count neither way
	Failed  []Trouble // came back to the program before, or would not install it
}

// Trouble is a box on which a release failed.
type Trouble struct {
	Box  string
	Code string // of its pole
	Name string
	How  string // returned, refused
	Why  string // key
	At   int64
}

// Gate says why a release must not be widened at a moment, "" if it may be.
func (r Release) Gate(now int64) string {
	tried := r.Updated + len(r.Failed)
	switch {
	case now < r.From || now >= r.Until:
		return "release.wrong_date"
	case r.Next() == 0:
		return "release.gate_last"
	case r.Share == 0:
		return ""
	case r.Meant == 0: // a small province: the first share may mean nobody
		return ""
	case len(r.Failed)*100 > tried*mostFailed:
		return "release.gate_failed"
	case r.Meant > r.Away && r.Well*100 < (r.Meant-r.Away)*leastUpdated, r.Well == 0:
		return "release.gate_unwell"
	case now < r.StageAt+stageWatch:
		return "release.gate_early"
	}
	return ""
}

// Running is how many boxes in contact or not last said that they run a version.
type Running struct {
	Version string
	Boxes   int
	Away    int
}

// ImportRelease takes a sealed release into the node: with the delegations that
// let its keys seal it, given by the root alone, and with every program file it
// names already kept as a blob. has reports whether one is.
func (r *Register) ImportRelease(ctx context.Context, who loa.Actor, delegations [][]byte, sealed []byte, has func(hash string) bool) (made Release, err error) {
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		held, err := db.All(tx, `SELECT DISTINCT document.hash, document.body FROM delegation JOIN document ON document.hash = delegation.hash
			WHERE delegation.until > ? ORDER BY document.hash`, []any{tx.NowMS()}, func(scan func(...any) error) (b []byte, err error) {
			var hash string
			return b, scan(&hash, &b)
		})
		if err != nil {
			return journal.Entry{}, err
		}
		for _, d := range delegations {
			if !slices.ContainsFunc(held, func(h []byte) bool { return string(h) == string(d) }) {
				held = append(held, d)
			}
		}
		root, err := r.rootNow(tx)
		if err != nil {
			return journal.Entry{}, err
		}
		doc, path, err := openRelease(root, held, sealed, tx.NowMS())
		if err != nil {
			return journal.Entry{}, err
		}
		for _, b := range doc.Builds {
			if !has(b.Hash) {
				return journal.Entry{}, loa.Errorf(loa.NotFound, "release.no_file", b.System)
			}
		}
		if err := believe(tx, delegations); err != nil {
			return journal.Entry{}, err
		}
		made = Release{Hash: loa.Hash(sealed), Path: path, Product: doc.Product, Number: doc.Number, Text: doc.Text, From: doc.From, Until: doc.Until, At: tx.NowMS()}
		return journal.Entry{Verb: "release.imported", Path: path, Subject: made.Hash, Data: map[string]any{"product": doc.Product, "number": doc.Number, "text": doc.Text}},
			made.insert(tx, sealed, doc.Builds)
	})
	if err != nil {
		return Release{}, fmt.Errorf("import release: %w", err)
	}
	return made, nil
}

func (r Release) insert(tx *db.Tx, sealed []byte, builds []wire.Build) error {
	if _, err := Keep(tx, wire.ReleaseType, r.Path, sealed); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO program_release (id, path, product, number, text, from_ms, until_ms, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Hash, r.Path, r.Product, r.Number, r.Text, r.From, r.Until, r.At); err != nil {
		if db.IsUnique(err) {
			return loa.Errorf(loa.Conflict, "release.known", r.Text)
		}
		return fmt.Errorf("write release: %w", err)
	}
	for _, b := range builds {
		if _, err := tx.Exec(`INSERT INTO program_build (program, system, file, bytes) VALUES (?, ?, ?, ?)`, r.Hash, b.System, b.Hash, b.Bytes); err != nil {
			return fmt.Errorf("write release: %w", err)
		}
	}
	return nil
}

// openRelease verifies a release as a box will, for some place that its keys may
// speak for.
func openRelease(root seal.Root, delegations [][]byte, sealed []byte, now int64) (wire.Release, loa.Path, error) {
	trust, err := seal.NewTrust(root, delegations, 0)
	if err != nil {
		return wire.Release{}, "", err
	}
	last := error(loa.Errorf(loa.Forbidden, "release.no_key"))
	for _, b := range delegations {
		o, err := seal.Open(b, seal.MaxDocument)
		if err != nil {
			return wire.Release{}, "", err
		}
		var d seal.Delegation
		if err := seal.Decode(o.Payload, seal.MaxDocument, &d); err != nil {
			return wire.Release{}, "", err
		}
		if d.Role != seal.Release {
			continue
		}
		for _, p := range d.Paths {
			doc, err := wire.OpenRelease(trust, sealed, p, now)
			if err == nil {
				return doc, p, nil
			}
			last = err
		}
	}
	return wire.Release{}, "", last
}

// Widen offers a release to the next share of boxes, if the gate lets it.
func (r *Register) Widen(ctx context.Context, who loa.Actor, hash string, share int) error {
	return r.stage(ctx, who, hash, "release.widened", func(tx *db.Tx, m *Release) error {
		if m.Share >= share {
			return loa.Errorf(loa.Conflict, "release.wide", m.Share) // pressed twice
		}
		if share != m.Next() {
			return loa.Errorf(loa.Invalid, "release.stage", share)
		}
		if why := m.Gate(tx.NowMS()); why != "" {
			return loa.Errorf(loa.Conflict, why)
		}
		m.Share, m.StageAt = share, tx.NowMS()
		return nil
	})
}

// Pause takes a release out of the beacons, or puts it back. Boxes that have
// installed it keep it.
func (r *Register) Pause(ctx context.Context, who loa.Actor, hash string, pause bool) error {
	verb := "release.resumed"
	if pause {
		verb = "release.paused"
	}
	return r.stage(ctx, who, hash, verb, func(_ *db.Tx, m *Release) error {
		if m.Paused == pause {
			return loa.Errorf(loa.Conflict, verb)
		}
		m.Paused = pause
		return nil
	})
}

func (r *Register) stage(ctx context.Context, who loa.Actor, hash, verb string, change func(tx *db.Tx, m *Release) error) error {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("program_release", hash); err != nil {
			return journal.Entry{}, lost(err)
		}
		m, err := findRelease(tx, hash)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, m.Path); err != nil {
			return journal.Entry{}, err
		}
		if err := change(tx, &m); err != nil {
			return journal.Entry{}, err
		}
		paused := 0
		if m.Paused {
			paused = 1
		}
		if _, err := tx.Exec(`UPDATE program_release SET share = ?, paused = ?, stage_at = ? WHERE id = ?`, m.Share, paused, m.StageAt, hash); err != nil {
			return journal.Entry{}, fmt.Errorf("write release: %w", err)
		}
		return journal.Entry{Verb: verb, Path: m.Path, Subject: hash,
			Data: map[string]any{"text": m.Text, "share": m.Share, "updated": m.Updated, "well": m.Well, "failed": len(m.Failed)}}, nil
	})
	if err != nil {
		return fmt.Errorf("stage release: %w", err)
	}
	return nil
}

func lost(err error) error {
	if errors.Is(err, db.ErrNone) {
		return loa.Errorf(loa.NotFound, "release.unknown")
	}
	return err
}

const releaseColumns = `id, path, product, number, text, from_ms, until_ms, share, paused, stage_at, at`

func scanRelease(scan func(...any) error) (m Release, err error) {
	var paused int
	err = scan(&m.Hash, &m.Path, &m.Product, &m.Number, &m.Text, &m.From, &m.Until, &m.Share, &paused, &m.StageAt, &m.At)
	m.Paused = paused == 1
	return m, err
}

func findRelease(tx *db.Tx, hash string) (Release, error) {
	m, err := scanRelease(tx.Row(`SELECT `+releaseColumns+` FROM program_release WHERE id = ?`, hash).Scan)
	if err != nil {
		return m, lost(err)
	}
	boxes, err := programs(tx, m.Path)
	if err != nil {
		return m, err
	}
	m.Figures = figures(m, boxes, tx.NowMS())
	return m, nil
}

// program is a placed box with what it last said of its program.
type program struct {
	id, code, name       string
	at                   int64
	version, clock, why  string
	offered, how, howWhy string
	uptime               int64
}

func programs(tx *db.Tx, place loa.Path) ([]program, error) {
	from, to := db.PrefixRange(string(place))
	return db.All(tx, `SELECT box.id, pole.code, pole.name, COALESCE(health.at, 0), COALESCE(health.version, ''), COALESCE(health.clock, ''),
			COALESCE(health.why, ''), COALESCE(health.offered, ''), COALESCE(health.progress, ''), COALESCE(health.progress_why, ''), COALESCE(health.uptime, 0)
		FROM box JOIN pole ON pole.id = box.pole_id LEFT JOIN health ON health.box_id = box.id
		WHERE box.state = '`+Placed+`' AND (box.path = ? OR (box.path >= ? AND box.path < ?)) ORDER BY pole.name_sort, box.id`,
		[]any{place, from, to}, func(scan func(...any) error) (p program, err error) {
			return p, scan(&p.id, &p.code, &p.name, &p.at, &p.version, &p.clock, &p.why, &p.offered, &p.how, &p.howWhy, &p.uptime)
		})
}

// figures counts the boxes that a release is meant for.
func figures(m Release, boxes []program, now int64) (f Figures) {
	offer := wire.Offer{Hash: m.Hash, Share: m.Share}
	for _, b := range boxes {
		if !offer.Meant(b.id) {
			continue
		}
		f.Meant++
		contact := Health{At: b.at}.InContact(now)
		switch {
		case b.offered == m.Hash && (b.how == wire.UpdateReturned || b.how == wire.UpdateRefused):
			f.Failed = append(f.Failed, Trouble{Box: b.id, Code: b.code, Name: b.name, How: b.how, Why: b.howWhy, At: b.at})
		case !contact:
			f.Away++
		case b.version == m.Text:
			f.Updated++
			if b.uptime >= wellAfter && b.clock != wire.ClockUnknown && b.why == "" {
				f.Well++
			}
		}
	}
	return f
}

// Releases lists what this node knows, the newest first, each with its figures,
// and which versions the boxes at or below a place run.
func (r *Register) Releases(ctx context.Context, place loa.Path) (all []Release, running []Running, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT `+releaseColumns+` FROM program_release ORDER BY number DESC, id LIMIT 20`, nil, scanRelease)
		if err != nil {
			return err
		}
		boxes, err := programs(tx, place)
		if err != nil {
			return err
		}
		for i, m := range all {
			all[i].Figures = figures(m, boxes, tx.NowMS())
		}
		running = versions(boxes, tx.NowMS())
		return nil
	})
	return all, running, err
}

func versions(boxes []program, now int64) (all []Running) {
	for _, b := range boxes {
		i := slices.IndexFunc(all, func(r Running) bool { return r.Version == b.version })
		if i < 0 {
			i = len(all)
			all = append(all, Running{Version: b.version})
		}
		all[i].Boxes++
		if !(Health{At: b.at}).InContact(now) {
			all[i].Away++
		}
	}
	slices.SortFunc(all, func(a, b Running) int { return b.Boxes - a.Boxes })
	return all
}

// offered is the release that the beacons of a commune name now: the one staged
// last that is not paused.
func offered(tx *db.Tx, commune loa.Path) (*wire.Offer, error) {
	rows, err := db.All(tx, `SELECT id, share, path FROM program_release WHERE share > 0 AND paused = 0 AND from_ms <= ? AND until_ms > ?
		ORDER BY stage_at DESC, number DESC`, []any{tx.NowMS(), tx.NowMS()}, func(scan func(...any) error) (m Release, err error) {
		return m, scan(&m.Hash, &m.Share, &m.Path)
	})
	if err != nil {
		return nil, fmt.Errorf("read releases: %w", err)
	}
	for _, m := range rows {
		if m.Path.Covers(commune) {
			return &wire.Offer{Hash: m.Hash, Share: m.Share}, nil
		}
	}
	return nil, nil
}

// IsProgram reports whether some release names a file.
func (r *Register) IsProgram(ctx context.Context, file string) (yes bool, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.Row(`SELECT COUNT(*) FROM program_build WHERE file = ?`, file).Scan(&n); err != nil {
			return err
		}
		yes = n > 0
		return nil
	})
	return yes, err
}
