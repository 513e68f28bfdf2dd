package bulletin

import (
	"errors"
	"strings"

	"loa"
	"loa/db"
	"loa/lang"
)

const columns = `id, path, author, author_name, state, class, title, role, category, office, origin, scope, from_ms, until_ms,
	plays_day, plays, repeat_count, chime, wanted, payload, warrant, stop_payload, note, made_at, changed_at`

func scan(scan func(...any) error) (b Bulletin, err error) {
	var scope, wanted string
	var chime int
	err = scan(&b.ID, &b.Path, &b.Author, &b.AuthorName, &b.State, &b.Class, &b.Title, &b.Role, &b.Category, &b.Office, &b.Origin, &scope,
		&b.From, &b.Until, &b.PlaysDay, &b.Plays, &b.Repeat, &chime, &wanted, &b.Payload,
		&b.Warrant, &b.StopBytes, &b.Note, &b.MadeAt, &b.ChangedAt)
	b.Chime = chime == 1
	for p := range strings.FieldsSeq(scope) {
		b.Scope = append(b.Scope, loa.Path(p))
	}
	for l := range strings.SplitSeq(wanted, "\n") {
		if day, part, found := strings.Cut(l, " "); found {
			b.Wanted = append(b.Wanted, Choice{day, part})
		}
	}
	return b, err
}

func load(tx *db.Tx, id string) (Bulletin, error) {
	b, err := scan(tx.Row(`SELECT `+columns+` FROM bulletin WHERE id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return b, loa.Errorf(loa.NotFound, "bulletin.unknown")
	}
	if err != nil {
		return b, err
	}
	one := []Bulletin{b}
	err = withRenditions(tx, one)
	return one[0], err
}

// hold is load for a transaction that will change the bulletin: whoever else
// would waits until it ends.
func hold(tx *db.Tx, id string) (Bulletin, error) {
	if err := tx.Lock("bulletin", id); err != nil && !errors.Is(err, db.ErrNone) {
		return Bulletin{}, err
	}
	return load(tx, id)
}

func (b Bulletin) row() []any {
	scope := make([]string, len(b.Scope))
	for i, p := range b.Scope {
		scope[i] = string(p)
	}
	wanted := make([]string, len(b.Wanted))
	for i, c := range b.Wanted {
		wanted[i] = c.Day + " " + c.Part
	}
	chime := 0
	if b.Chime {
		chime = 1
	}
	var words strings.Builder
	words.WriteString(b.Title)
	for _, r := range b.Renditions {
		words.WriteString("\n" + r.Text)
	}
	return []any{b.ID, b.Path, b.Author, b.AuthorName, string(b.State), string(b.Class), b.Title, string(b.Role), string(b.Category),
		b.Office, b.Origin, strings.Join(scope, "\n"), b.From, b.Until, b.PlaysDay, b.Plays, b.Repeat, chime, strings.Join(wanted, "\n"),
		b.Payload, b.Warrant, b.StopBytes, b.Note, b.MadeAt, b.ChangedAt, lang.Fold(words.String())}
}

func insert(tx *db.Tx, b Bulletin) error {
	_, err := tx.Exec(`INSERT INTO bulletin (`+columns+`, title_fold) VALUES (?`+strings.Repeat(", ?", 25)+`)`, b.row()...)
	return err
}

func store(tx *db.Tx, b Bulletin) error {
	_, err := tx.Exec(`UPDATE bulletin SET (`+columns+`, title_fold) = (?`+strings.Repeat(", ?", 25)+`) WHERE id = ?`,
		append(b.row(), b.ID)...)
	return err
}

func idsIn(tx *db.Tx, s State) ([]string, error) {
	return db.All(tx, `SELECT id FROM bulletin WHERE state = ? ORDER BY id LIMIT 100`, []any{string(s)},
		func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
}

func pastUntil(tx *db.Tx) ([]string, error) {
	states := expire.from()
	args := []any{tx.NowMS()}
	for _, s := range states {
		args = append(args, string(s))
	}
	return db.All(tx, `SELECT id FROM bulletin WHERE until_ms <= ? AND state IN (?`+strings.Repeat(", ?", len(states)-1)+`)
		ORDER BY id LIMIT 100`, args, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
}

// slot is a planned start with what a plan needs of its bulletin.
type slot struct {
	ID      string
	Commune loa.Path
	Warrant string
	Start   int64
	Repeat  int
	Kind    Kind
	Poles   []string
}

func scanSlot(scan func(...any) error) (s slot, err error) {
	var poles string
	err = scan(&s.ID, &s.Commune, &s.Warrant, &s.Start, &s.Repeat, &s.Kind, &poles)
	s.Poles = strings.Fields(poles)
	return s, err
}

const slotQuery = `SELECT slot.id, slot.commune, bulletin.warrant, slot.start_ms,
		CASE WHEN slot.repeats < 0 THEN bulletin.repeat_count ELSE slot.repeats END, slot.kind, slot.poles
	FROM slot JOIN bulletin ON bulletin.id = slot.bulletin_id WHERE slot.cancelled_at IS NULL AND slot.out = 0 AND `

// slotsOf lists the standing slots of a bulletin, by commune.
func slotsOf(tx *db.Tx, bulletin string) ([]slot, error) {
	return db.All(tx, slotQuery+`slot.bulletin_id = ? ORDER BY slot.commune, slot.start_ms`, []any{bulletin}, scanSlot)
}

// dueSlots lists everything a commune's plan must hold between two moments: the
// slots of dispatched bulletins, of the one being dispatched, and of those that
// were dispatched once and wait again with a further session, so that no plan
// made meanwhile takes from a speaker what it holds; none of the one being taken
// back.
func dueSlots(tx *db.Tx, commune loa.Path, from, until int64, coming, going string) ([]slot, error) {
	return db.All(tx, slotQuery+`slot.commune = ? AND slot.start_ms >= ? AND slot.start_ms < ?
		AND bulletin.warrant <> '' AND bulletin.id <> ? AND (slot.kind <> 'bulletins' AND bulletin.state IN ('sealed', 'scheduled', 'dispatched')
			OR bulletin.state = ? OR bulletin.id = ?
			OR bulletin.state = ? AND EXISTS (SELECT 1 FROM dispatch WHERE dispatch.bulletin_id = bulletin.id))
		ORDER BY slot.start_ms, slot.id`,
		[]any{commune, from, until, going, string(Dispatched), coming, string(Scheduled)}, scanSlot)
}
