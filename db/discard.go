package db

// Discard marks blobs that whoever calls no longer needs, in the transaction
// that lets go of them. The files go later and only if nobody else needs them:
// two bulletins of the same words are one file.
func (tx *Tx) Discard(hashes ...string) error {
	for _, hash := range hashes {
		if hash == "" {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO discarded (hash, at) VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET at = excluded.at`, hash, tx.NowMS()); err != nil {
			return err
		}
	}
	return nil
}

// Discarded lists blobs that were marked before a moment, in milliseconds, the
// oldest first.
func (tx *Tx) Discarded(before int64, limit int) ([]string, error) {
	return All(tx, `SELECT hash FROM discarded WHERE at < ? ORDER BY at, hash LIMIT ?`, []any{before, limit},
		func(scan func(...any) error) (hash string, err error) { return hash, scan(&hash) })
}

// Settled takes the mark off a blob: its file is gone, or somebody needs it.
func (tx *Tx) Settled(hash string) error {
	_, err := tx.Exec(`DELETE FROM discarded WHERE hash = ?`, hash)
	return err
}
