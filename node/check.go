package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/journal"
	"loa/signer"
)

// Check reads everything that is kept and compares it with the hashes, seals and
// numbers it is kept under: the database, the sounds, the node's keys, the
// signer's folder. It changes nothing. say is told each thing in turn and whether
// it is sound. SQLite has no sums of its own and a disk can turn a bit in
// silence, so this is for every week and for every restored backup.
//
// The signer's folder is read where this user may read it.
func Check(ctx context.Context, c Config, say func(ok bool, what string)) {
	line := CheckDatabase(ctx, c, say)
	blobs := &db.Blobs{Dir: c.Blobs}
	var faults []string
	for _, hash := range line.Sounds {
		if _, err := blobs.Get(hash); err != nil {
			faults = append(faults, err.Error())
		}
	}
	report(say, fmt.Sprintf("%d sounds that bulletins need", len(line.Sounds)), faults, nil)

	_, err := LoadRoot(c.Keys)
	if err == nil {
		_, err = LoadKeys(c.Keys)
	}
	report(say, "keys of the node", nil, err)

	marks, err := signer.Check(c.SignerDir, []byte(c.Passphrase))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, os.ErrNotExist) && c.Signer != "" {
		say(true, "the signer's folder is another user's: run loa check as that user too")
		return
	}
	report(say, "the signer's roster, keys, grants and numbers", nil, err)
	if err == nil {
		report(say, "numbers that are out", behind(line.Numbers, marks), nil)
	}
}

// CheckDatabase is the part of Check that reads the database.
func CheckDatabase(ctx context.Context, c Config, say func(ok bool, what string)) (line bulletin.Checked) {
	d, err := db.Open(ctx, c.Database, loa.WallClock{})
	if err != nil {
		say(false, "database: "+err.Error())
		return line
	}
	defer d.Close()
	faults, err := d.Check(ctx)
	report(say, "database: pages and references", faults, err)
	err = d.Read(ctx, func(tx *db.Tx) error {
		line, err = bulletin.Check(tx)
		return err
	})
	report(say, "bulletins, approvals, warrants, receipts", line.Faults, err)
	var book journal.Proof
	err = d.Read(ctx, func(tx *db.Tx) (err error) { book, err = VerifyBook(tx, c, nil); return err })
	faults = nil
	for _, f := range book.Faults {
		faults = append(faults, fmt.Sprintf("%s: row %d %s", f.What, f.N, f.ID))
	}
	report(say, fmt.Sprintf("journal: %d rows, %d of them sealed", book.Numbered, book.Sealed), faults, err)
	return line
}

// behind lists the numbers that are out and that the signer does not remember:
// it could give them out again.
func behind(out map[string]int64, marks []signer.Mark) (faults []string) {
	known := map[string]int64{}
	for _, m := range marks {
		known[m.Name] = m.Number
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if known[name] < out[name] {
			faults = append(faults, fmt.Sprintf("%s: %d is out, the signer remembers %d", name, out[name], known[name]))
		}
	}
	return faults
}

func report(say func(bool, string), what string, faults []string, err error) {
	if err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) == 0 {
		say(true, what)
	}
	for _, f := range faults {
		say(false, what+": "+f)
	}
}
