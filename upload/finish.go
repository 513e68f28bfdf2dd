package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/sound"
)

// lease is how long a process may work at one upload before another takes it
// for dead. Two that work at the same one make the same bytes, so a lease that
// is too short costs work and nothing else.
const lease = 90 * time.Second

// patience bounds the work at one upload, which goes on when its sender is gone.
const patience = 10 * time.Minute

// Finish makes of the pieces what they are: the source kept by its hash, and the
// canonical sound or the document's text. It may be called again at any time and
// answers the same. A person's mistake is kept with the upload and is what Why
// says; the error is then that sentence too.
func (r *Room) Finish(ctx context.Context, who loa.Actor, id string) (Upload, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	u, err := r.claim(ctx, who, id)
	if err != nil {
		return u, fmt.Errorf("finish upload: %w", err)
	}
	if u.State != Open {
		return u, u.Why()
	}
	made, err := r.open(ctx, u)
	if err != nil && loa.CodeOf(err) != loa.Invalid {
		return u, errors.Join(fmt.Errorf("finish upload: %w", err), r.release(ctx, id))
	}
	if told := new(loa.Error); errors.As(err, &told) {
		if told.Key == "upload.empty" || told.Key == "upload.incomplete" { // more may come
			return u, errors.Join(told, r.release(ctx, id))
		}
		args, err := json.Marshal(told.Args)
		if err != nil {
			return u, fmt.Errorf("finish upload: %w", err)
		}
		made.State, made.refused, made.refusedArgs = Refused, told.Key, string(args)
	}
	if u, err = r.end(ctx, who, made); err != nil {
		return u, fmt.Errorf("finish upload: %w", err)
	}
	// The blob holds what the pieces held; if this fails, the sweep does it.
	if err := os.RemoveAll(r.folder(id)); err != nil {
		return u, fmt.Errorf("remove pieces: %w", err)
	}
	return u, u.Why()
}

// claim takes the work, unless it is done or another process is at it.
func (r *Room) claim(ctx context.Context, who loa.Actor, id string) (u Upload, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if u, err = hold(tx, who, id); err != nil || u.State != Open {
			return err
		}
		if u.claimedUntil > tx.NowMS() {
			return loa.Errorf(loa.Unavailable, "upload.busy")
		}
		_, err = tx.Exec(`UPDATE upload SET claimed_until = ? WHERE id = ?`, tx.NowMS()+lease.Milliseconds(), id)
		return err
	})
	return u, err
}

func (r *Room) release(ctx context.Context, id string) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE upload SET claimed_until = 0 WHERE id = ? AND state = ?`, id, string(Open))
		return err
	})
}

// open reads the pieces, keeps them and opens what they are.
func (r *Room) open(ctx context.Context, u Upload) (Upload, error) {
	b, err := whole(r.folder(u.ID))
	if err != nil {
		return u, err
	}
	if len(b) == 0 {
		return u, loa.Errorf(loa.Invalid, "upload.empty")
	}
	if u.Bytes >= 0 && int64(len(b)) != u.Bytes {
		return u, loa.Errorf(loa.Invalid, "upload.incomplete", len(b)>>10, u.Bytes>>10)
	}
	if u.Source, err = r.Blobs.Put(ctx, b); err != nil {
		return u, err
	}
	u.Bytes, u.State = int64(len(b)), Kept
	if r.Texts != nil && r.Texts.Is(b) {
		u.Text, err = r.Texts.Text(ctx, b)
		return u, err
	}
	format, err := sound.Sniff(b)
	if err != nil {
		return u, err
	}
	res, err := r.Sounds.Canonical(ctx, b, format)
	if err != nil {
		return u, err
	}
	if u.Media, err = r.Blobs.Put(ctx, res.MP3); err != nil {
		return u, err
	}
	u.MediaBytes, u.MediaMS = int64(len(res.MP3)), res.Duration.Milliseconds()
	u.Before, u.After = int64(math.Round(100*res.Before.IntegratedLUFS)), int64(math.Round(100*res.After.IntegratedLUFS))
	if res.Clipping.Seconds > 0 {
		u.Rasps = res.Clipping.Worst.Milliseconds()
	}
	return u, nil
}

// end writes the result, unless somebody else has.
func (r *Room) end(ctx context.Context, who loa.Actor, made Upload) (u Upload, err error) {
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if u, err = hold(tx, who, made.ID); err != nil || u.State != Open {
			return journal.Entry{}, err
		}
		u = made
		_, err = tx.Exec(`UPDATE upload SET state = ?, bytes = ?, source = ?, media = ?, media_bytes = ?, media_ms = ?, loud_before = ?, loud_after = ?,
			rasps_ms = ?, text = ?, refused = ?, refused_args = ?, ended_at = ?, claimed_until = 0 WHERE id = ?`,
			string(u.State), u.Bytes, u.Source, u.Media, u.MediaBytes, u.MediaMS, u.Before, u.After, u.Rasps, u.Text, u.refused, u.refusedArgs,
			tx.NowMS(), u.ID)
		e := journal.Entry{Verb: "upload.kept", Path: u.Path, Subject: u.ID,
			Data: map[string]any{"source": u.Source, "media": u.Media, "ms": u.MediaMS, "bytes": u.Bytes}}
		if u.State == Refused {
			e = journal.Entry{Verb: "upload.refused", Path: u.Path, Subject: u.ID, Data: map[string]any{"why": u.refused, "bytes": u.Bytes}}
		}
		return e, err
	})
	return u, err
}
