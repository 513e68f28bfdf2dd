package bulletin

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// Checked is what Check found.
type Checked struct {
	Faults  []string         // what does not fit, a sentence each
	Sounds  []string         // hashes of the sounds that must be on the disk
	Numbers map[string]int64 // the highest number that is out, by the signer's name for it
}

// Check reads everything the outward line has promised and compares it with the
// hashes and seals beside it: sealed documents with their names, the bytes that
// were approved with their hash, each assertion with the bytes it is over, each
// line of the log with the sealed receipt it came in.
func Check(tx *db.Tx) (c Checked, err error) {
	c.Numbers = map[string]int64{}
	for _, look := range []func(*db.Tx, *Checked) error{checkDocuments, checkApproved, checkSealed, checkAssertions, checkLog} {
		if err := look(tx, &c); err != nil {
			return c, fmt.Errorf("check the outward line: %w", err)
		}
	}
	c.Sounds, err = db.All(tx, `SELECT DISTINCT media FROM rendition JOIN bulletin ON bulletin.id = bulletin_id
		WHERE media <> '' AND state IN ('submitted', 'approved', 'sealed', 'scheduled', 'dispatched')`, nil,
		func(scan func(...any) error) (hash string, err error) { return hash, scan(&hash) })
	return c, err
}

func (c *Checked) bad(what string, args ...any) {
	c.Faults = append(c.Faults, fmt.Sprintf(what, args...))
}

// number remembers a number that is out.
func (c *Checked) number(name string, n int64) { c.Numbers[name] = max(c.Numbers[name], n) }

// numbered is the signer's name for the number a sealed document used.
func (c *Checked) numbered(o seal.Opened) {
	switch o.Type {
	case wire.WarrantType:
		if w, err := wire.ReadWarrant(o.Payload); err == nil && w.Now {
			c.number("now "+string(w.Issuer), w.Seq)
		}
	case wire.PolicyType:
		if p, err := wire.ReadPolicy(o.Payload); err == nil {
			c.number("policy "+string(p.Path), p.Version)
		}
	case wire.PlacementType:
		if p, err := wire.ReadPlacement(o.Payload); err == nil {
			c.number("placement "+p.Device, p.Version)
		}
	}
}

// checkDocuments: a sealed document lies under its own hash.
func checkDocuments(tx *db.Tx, c *Checked) error {
	_, err := db.All(tx, `SELECT hash, type, body FROM document`, nil, func(scan func(...any) error) (none struct{}, err error) {
		var hash, kind string
		var body []byte
		if err := scan(&hash, &kind, &body); err != nil {
			return none, err
		}
		if loa.Hash(body) != hash {
			c.bad("sealed document %s is damaged", hash)
		} else if o, err := seal.Open(body, seal.MaxEnvelope(wire.MaxReceipt)); err != nil || o.Type != kind {
			c.bad("sealed document %s is not a %s", hash, kind)
		} else {
			c.numbered(o)
		}
		return none, nil
	})
	return err
}

// checkApproved: what was to be approved is what its hash names, and what is
// still to be sealed is the last of it.
func checkApproved(tx *db.Tx, c *Checked) error {
	_, err := db.All(tx, `SELECT v.bulletin_id, v.n, v.payload, v.payload_hash, COALESCE(b.id, '') FROM bulletin_version v
		LEFT JOIN bulletin b ON b.id = v.bulletin_id`, nil,
		func(scan func(...any) error) (none struct{}, err error) {
			var id, hash, there string
			var n int
			var payload []byte
			if err := scan(&id, &n, &payload, &hash, &there); err != nil {
				return none, err
			}
			if loa.Hash(payload) != hash || there != id {
				c.bad("version %d of bulletin %s is damaged", n, id)
			}
			return none, nil
		})
	return err
}

// checkSealed: a bulletin's own bytes are a version of it, and its warrant is
// over them.
func checkSealed(tx *db.Tx, c *Checked) error {
	type row struct {
		id, warrant string
		payload     []byte
	}
	all, err := db.All(tx, `SELECT id, warrant, payload FROM bulletin WHERE payload IS NOT NULL`, nil,
		func(scan func(...any) error) (r row, err error) { return r, scan(&r.id, &r.warrant, &r.payload) })
	if err != nil {
		return err
	}
	for _, r := range all {
		hash := loa.Hash(r.payload)
		var n int
		if err := tx.Row(`SELECT COUNT(*) FROM bulletin_version WHERE bulletin_id = ? AND payload_hash = ?`, r.id, hash).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			c.bad("the bytes of bulletin %s are damaged", r.id)
		}
		if r.warrant == "" {
			continue
		}
		var body []byte
		if err := tx.Row(`SELECT body FROM document WHERE hash = ?`, r.warrant).Scan(&body); errors.Is(err, db.ErrNone) {
			c.bad("the warrant of bulletin %s is gone", r.id)
			continue
		} else if err != nil {
			return err
		}
		if o, err := seal.Open(body, seal.MaxDocument); err != nil || loa.Hash(o.Payload) != hash {
			c.bad("the warrant of bulletin %s is over other bytes", r.id)
		}
	}
	return nil
}

// checkAssertions: a passkey's challenge is the hash of the bytes.
func checkAssertions(tx *db.Tx, c *Checked) error {
	_, err := db.All(tx, `SELECT id, payload_hash, batch, assertion FROM approval`, nil, func(scan func(...any) error) (none struct{}, err error) {
		var id, hash, batch, assertion string
		if err := scan(&id, &hash, &batch, &assertion); err != nil {
			return none, err
		}
		if batch != "" {
			hash = batch
		}
		var yes wire.Approval
		var client struct{ Challenge string }
		if json.Unmarshal([]byte(assertion), &yes) == nil {
			if b, err := base64.RawURLEncoding.DecodeString(yes.ClientData); err == nil {
				_ = json.Unmarshal(b, &client) // no challenge: no fit
			}
		}
		challenge, err := base64.RawURLEncoding.DecodeString(client.Challenge)
		if err != nil || fmt.Sprintf("%x", challenge) != hash {
			c.bad("approval %s is not over the bytes it names", id)
		}
		return none, nil
	})
	return err
}

// checkLog: each line of the log is in a receipt that its box sealed.
func checkLog(tx *db.Tx, c *Checked) error {
	type key struct {
		receipt, box string
		n            int64
	}
	said := map[key]wire.Line{}
	type row struct {
		hash string
		body []byte
	}
	receipts, err := db.All(tx, `SELECT hash, body FROM document WHERE type = ?`, []any{wire.ReceiptType},
		func(scan func(...any) error) (r row, err error) { return r, scan(&r.hash, &r.body) })
	if err != nil {
		return err
	}
	for _, sealed := range receipts {
		r, err := wire.OpenReceipt(sealed.body, func(box string) (ed25519.PublicKey, error) { return speaker.KeyOf(tx, box) })
		if err != nil {
			c.bad("receipt %s is not sealed by its box: %v", sealed.hash, err)
			continue
		}
		for _, l := range r.Lines {
			said[key{sealed.hash, r.Device, l.N}] = l
		}
	}
	_, err = db.All(tx, `SELECT box_id, n, slot, warrant, planned, started, ms, skew_us, volume, result, why, clock, verified, receipt FROM playback`, nil,
		func(scan func(...any) error) (none struct{}, err error) {
			var k key
			var l wire.Line
			var result string
			var verified int
			if err := scan(&k.box, &k.n, &l.Slot, &l.Warrant, &l.Planned, &l.Started, &l.MS, &l.SkewUS, &l.Volume, &result, &l.Why, &l.Clock, &verified, &k.receipt); err != nil {
				return none, err
			}
			l.N, l.Result, l.Verified = k.n, wire.Result(result), verified == 1
			if said[k] != l {
				c.bad("line %d of box %s is not what it sealed", k.n, k.box)
			}
			delete(said, k)
			return none, nil
		})
	if err != nil {
		return err
	}
	for k := range said {
		var n int
		if err := tx.Row(`SELECT COUNT(*) FROM playback WHERE box_id = ? AND n = ?`, k.box, k.n).Scan(&n); err != nil {
			return err
		}
		if n == 0 { // a line that came twice stands under the receipt it came in first
			c.bad("line %d of box %s is gone", k.n, k.box)
		}
	}
	return nil
}
