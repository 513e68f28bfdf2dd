package bulletin

// Beside the line: relays (tiếp sóng) of national and provincial radio. From an
// allow-list, in a session, with a minute at which they begin and end, and never
// by one person alone: a relay's time holds once a second person confirmed it.
// Speakers do not carry the relayed sound yet; the station's own receiver does,
// and the plan leaves room for it.

import (
	"context"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
)

// RelaySource is one line of the allow-list.
type RelaySource struct {
	ID      string
	Path    loa.Path // whose list
	Name    string   // "Đài tỉnh Lam Xuyên"
	Address string   // how it comes in, for people
}

// Relay is when and how long a session relays, or somebody's proposal of it.
type Relay struct {
	ID         string
	Part       string
	Source     string // name
	At         int    // minutes after midnight
	Minutes    int    // 0: no relay any more
	Proposer   string // name
	ProposerID string
	Confirmer  string // name, "" for a proposal
}

// AddRelaySource puts a source on a place's allow-list.
func (f *Flow) AddRelaySource(ctx context.Context, who loa.Actor, s RelaySource) (RelaySource, error) {
	s.Name, s.Address = strings.TrimSpace(s.Name), strings.TrimSpace(s.Address)
	if s.Name == "" || len(s.Name) > 200 || len(s.Address) > 300 || s.Path.Commune() != s.Path || s.Path == "" {
		return s, loa.Errorf(loa.Invalid, "relay.source")
	}
	entry := journal.Entry{Verb: "relay.source_added", Subject: s.Name, Data: &s}
	err := f.write(ctx, who, s.Path, entry, func(tx *db.Tx) error {
		s.ID = loa.NewID(tx.Now())
		_, err := tx.Exec(`INSERT INTO relay_source (id, path, name, address) VALUES (?, ?, ?, ?)`, s.ID, s.Path, s.Name, s.Address)
		return err
	})
	return s, err
}

// RemoveRelaySource takes a source off the list; its relays leave the plans.
func (f *Flow) RemoveRelaySource(ctx context.Context, who loa.Actor, commune loa.Path, id string) error {
	return f.write(ctx, who, commune, journal.Entry{Verb: "relay.source_removed", Subject: id}, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE relay_source SET removed_at = ? WHERE id = ? AND path = ? AND removed_at IS NULL`, tx.NowMS(), id, commune)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.NotFound, "relay.unknown")
		}
		return err
	})
}

// ProposeRelay asks for a relay in a session, or for another time or end of the
// one there is. A newer proposal for the same session and source replaces an
// older one.
func (f *Flow) ProposeRelay(ctx context.Context, who loa.Actor, commune loa.Path, part, source string, at, minutes int) (id string, err error) {
	entry := journal.Entry{Verb: "relay.proposed", Subject: part, Data: map[string]any{"source": source, "at": at, "minutes": minutes}}
	err = f.write(ctx, who, commune, entry, func(tx *db.Tx) error {
		if err := relayFits(tx, commune, part, source, at, minutes); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE relay SET ended_at = ? WHERE path = ? AND part = ? AND source_id = ? AND confirmed_at = 0 AND ended_at = 0`,
			tx.NowMS(), commune, part, source); err != nil {
			return err
		}
		id = loa.NewID(tx.Now())
		_, err := tx.Exec(`INSERT INTO relay (id, path, part, source_id, at_min, minutes, proposed_by, proposed_name, proposed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			id, commune, part, source, at, minutes, who.ID, who.Name, tx.NowMS())
		return err
	})
	return id, err
}

// relayFits checks that a relay's source is on the list and its minutes lie in
// the session.
func relayFits(tx *db.Tx, commune loa.Path, part, source string, at, minutes int) error {
	var n int
	if err := tx.Row(`SELECT COUNT(*) FROM relay_source WHERE id = ? AND path = ? AND removed_at IS NULL`, source, commune).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return loa.Errorf(loa.NotFound, "relay.unknown")
	}
	frames, err := framesOf(tx, commune)
	if err != nil {
		return err
	}
	for _, fr := range frames {
		if fr.Part == part && minutes >= 0 && (minutes == 0 || at >= fr.From && at+minutes <= fr.Until) {
			return nil
		}
	}
	return loa.Errorf(loa.Invalid, "relay.time")
}

// ConfirmRelay is the second person: from now on the relay holds, in place of
// the one before it.
func (f *Flow) ConfirmRelay(ctx context.Context, who loa.Actor, commune loa.Path, id string) error {
	return f.write(ctx, who, commune, journal.Entry{Verb: "relay.confirmed", Subject: id}, func(tx *db.Tx) error {
		var by, part, source string
		var at, minutes int
		err := tx.Row(`SELECT proposed_by, part, source_id, at_min, minutes FROM relay WHERE id = ? AND path = ? AND confirmed_at = 0 AND ended_at = 0`,
			id, commune).Scan(&by, &part, &source, &at, &minutes)
		if err != nil {
			return loa.Errorf(loa.NotFound, "relay.unknown").Because(err)
		}
		if by == who.ID {
			return loa.Errorf(loa.Forbidden, "relay.own")
		}
		if err := relayFits(tx, commune, part, source, at, minutes); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE relay SET ended_at = ? WHERE path = ? AND part = ? AND source_id = ? AND confirmed_at > 0 AND ended_at = 0`,
			tx.NowMS(), commune, part, source); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE relay SET confirmed_by = ?, confirmed_name = ?, confirmed_at = ? WHERE id = ?`, who.ID, who.Name, tx.NowMS(), id)
		return err
	})
}

// DropRelay withdraws a proposal. A relay that holds ends only by two people.
func (f *Flow) DropRelay(ctx context.Context, who loa.Actor, commune loa.Path, id string) error {
	return f.write(ctx, who, commune, journal.Entry{Verb: "relay.withdrawn", Subject: id}, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE relay SET ended_at = ? WHERE id = ? AND path = ? AND confirmed_at = 0 AND ended_at = 0`, tx.NowMS(), id, commune)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.NotFound, "relay.unknown")
		}
		return err
	})
}

// Relays lists a commune's allow-list, the relays that hold and what is proposed.
func (f *Flow) Relays(ctx context.Context, commune loa.Path) (sources []RelaySource, relays []Relay, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		sources, err = db.All(tx, `SELECT id, path, name, address FROM relay_source WHERE path = ? AND removed_at IS NULL ORDER BY name, id`, []any{commune},
			func(scan func(...any) error) (s RelaySource, err error) {
				return s, scan(&s.ID, &s.Path, &s.Name, &s.Address)
			})
		if err != nil {
			return err
		}
		relays, err = db.All(tx, `SELECT relay.id, relay.part, relay_source.name, relay.at_min, relay.minutes, relay.proposed_name, relay.proposed_by, relay.confirmed_name
			FROM relay JOIN relay_source ON relay_source.id = relay.source_id
			WHERE relay.path = ? AND relay.ended_at = 0 AND relay_source.removed_at IS NULL AND (relay.minutes > 0 OR relay.confirmed_at = 0)
			ORDER BY relay.at_min, relay.id`, []any{commune},
			func(scan func(...any) error) (r Relay, err error) {
				return r, scan(&r.ID, &r.Part, &r.Source, &r.At, &r.Minutes, &r.Proposer, &r.ProposerID, &r.Confirmer)
			})
		return err
	})
	return sources, relays, err
}
