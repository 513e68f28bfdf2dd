package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/sound"
)

// What is taken, and for how long.
const (
	MaxBytes  = 64 << 20       // an hour of a phone's own recording; half an hour of canonical sound is 14 MB
	MaxPiece  = 4 << 20        // one request
	Life      = 24 * time.Hour // of what no bulletin has taken
	PerPerson = 20             // that one person may have waiting
)

// Origin is how a sound came to be.
type Origin string

// The origins.
const (
	Recorded Origin = "recorded" // in the page
	File     Origin = "file"     // chosen on the phone, or shared into Loa
)

// State is how far an upload is.
type State string

// The states.
const (
	Open    State = "open" // pieces may come
	Kept    State = "kept"
	Refused State = "refused"
)

// Upload is one recording or file on its way in.
type Upload struct {
	ID         string
	Person     string
	Path       loa.Path // the unit it is meant for
	Name       string   // the file's own name
	Origin     Origin
	Bytes      int64 // announced; −1 while nobody knows
	State      State
	Source     string // hash of the bytes as they came
	Media      string // hash of the canonical sound, "" for a document
	MediaBytes int64
	MediaMS    int64
	Before     int64  // loudness of the source, hundredths of LUFS
	After      int64  // and of the canonical sound
	Rasps      int64  // where the sound is clipped a little, ms; −1 nowhere
	Text       string // of a document
	MadeAt     int64
	Taken      bool

	claimedUntil int64
	refused      string
	refusedArgs  string
}

// Why is the sentence of a refused upload, nil for any other.
func (u Upload) Why() error {
	if u.State != Refused {
		return nil
	}
	var args []any
	if err := json.Unmarshal([]byte(u.refusedArgs), &args); err != nil {
		args = nil
	}
	return loa.Errorf(loa.Invalid, u.refused, args...)
}

// Sounds makes the canonical form of a person's sound.
type Sounds interface {
	Canonical(ctx context.Context, src []byte, format sound.Format) (sound.Result, error)
}

// Texts takes the text out of a document. Is tells whether the bytes are one.
type Texts interface {
	Is(b []byte) bool
	Text(ctx context.Context, b []byte) (string, error)
}

// Room is where uploads come in.
type Room struct {
	DB     *db.DB
	Blobs  *db.Blobs
	Dir    string // of the pieces; shared by all processes, on the disk of the blobs
	Sounds Sounds
	Texts  Texts
	// Said is called after each commit, with the journal row just written.
	Said func(id string, e journal.Entry)
}

// Begin opens an upload of so many bytes, −1 where nobody knows yet.
func (r *Room) Begin(ctx context.Context, who loa.Actor, path loa.Path, origin Origin, name string, bytes int64) (Upload, error) {
	if bytes > MaxBytes {
		return Upload{}, loa.Errorf(loa.Invalid, "upload.too_large", MaxBytes>>20)
	}
	if bytes < -1 || origin != Recorded && origin != File {
		return Upload{}, loa.Errorf(loa.Invalid, "upload.malformed")
	}
	if bytes == 0 {
		return Upload{}, loa.Errorf(loa.Invalid, "upload.empty")
	}
	var u Upload
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := who.Must(loa.RightWrite, path); err != nil {
			return journal.Entry{}, err
		}
		n, err := waiting(tx, who.ID)
		if err != nil {
			return journal.Entry{}, err
		}
		if n >= PerPerson {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "upload.too_many", PerPerson)
		}
		if u.ID == "" { // a transaction that is tried again keeps its folder
			u.ID = loa.NewID(tx.Now())
		}
		u = Upload{ID: u.ID, Person: who.ID, Path: path, Name: clean(name), Origin: origin, Bytes: bytes,
			State: Open, Rasps: -1, MadeAt: tx.NowMS(), refusedArgs: "[]"}
		// The folder first: a row without one would look like one with no pieces.
		if err := db.MakeFolder(r.folder(u.ID)); err != nil {
			return journal.Entry{}, r.told(fmt.Errorf("make folder: %w", err))
		}
		return journal.Entry{Verb: "upload.begun", Path: path, Subject: u.ID, Data: map[string]any{"origin": origin}}, insert(tx, u)
	})
	if err != nil {
		if u.ID != "" {
			err = errors.Join(err, os.RemoveAll(r.folder(u.ID)))
		}
		return Upload{}, fmt.Errorf("begin upload: %w", err)
	}
	return u, nil
}

// Find reads a person's own upload and how many of its bytes are on disk.
func (r *Room) Find(ctx context.Context, who loa.Actor, id string) (u Upload, offset int64, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		u, err = load(tx, who, id)
		return err
	})
	if err != nil || u.State != Open {
		return u, max(0, u.Bytes), err
	}
	offset, err = length(r.folder(id))
	return u, offset, err
}

// write is a change, its journal entry and the word that it happened.
func (r *Room) write(ctx context.Context, who loa.Actor, change func(tx *db.Tx) (journal.Entry, error)) error {
	var row string
	var entry journal.Entry
	err := r.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if entry, err = change(tx); err != nil || entry.Verb == "" {
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err == nil && entry.Verb != "" {
		r.Said(row, entry)
	}
	return err
}

func (r *Room) folder(id string) string { return filepath.Join(r.Dir, id) }

// clean keeps of a name what a page can show: no folders, no signs one cannot see.
func clean(name string) string {
	name = filepath.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F || c >= 0x200B && c <= 0x200F || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069 {
			return -1
		}
		return c
	}, strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	if name == "." || name == "/" {
		return ""
	}
	return name
}

// columns and scan belong together.
const columns = `id, person, path, name, origin, bytes, state, claimed_until, source, media, media_bytes, media_ms,
	loud_before, loud_after, rasps_ms, text, refused, refused_args, made_at`

func insert(tx *db.Tx, u Upload) error {
	_, err := tx.Exec(`INSERT INTO upload (`+columns+`) VALUES (?`+strings.Repeat(", ?", 18)+`)`, u.ID, u.Person, u.Path, u.Name,
		string(u.Origin), u.Bytes, string(u.State), u.claimedUntil, u.Source, u.Media, u.MediaBytes, u.MediaMS, u.Before, u.After, u.Rasps,
		u.Text, u.refused, u.refusedArgs, u.MadeAt)
	return err
}

// load finds a person's own upload: what somebody else sent is not there.
func load(tx *db.Tx, who loa.Actor, id string) (Upload, error) {
	u, err := one(tx, id)
	if err == nil && u.Person != who.ID {
		return Upload{}, loa.Errorf(loa.NotFound, "upload.unknown")
	}
	return u, err
}

func one(tx *db.Tx, id string) (u Upload, err error) {
	var taken *int64
	err = tx.Row(`SELECT `+columns+`, taken_at FROM upload WHERE id = ?`, id).Scan(&u.ID, &u.Person, &u.Path, &u.Name,
		&u.Origin, &u.Bytes, &u.State, &u.claimedUntil, &u.Source, &u.Media, &u.MediaBytes, &u.MediaMS, &u.Before, &u.After, &u.Rasps,
		&u.Text, &u.refused, &u.refusedArgs, &u.MadeAt, &taken)
	u.Taken = taken != nil
	if errors.Is(err, db.ErrNone) {
		return u, loa.Errorf(loa.NotFound, "upload.unknown")
	}
	return u, err
}

func waiting(tx *db.Tx, person string) (n int, err error) {
	err = tx.Row(`SELECT COUNT(*) FROM upload WHERE person = ? AND taken_at IS NULL AND made_at > ?`,
		person, tx.NowMS()-Life.Milliseconds()).Scan(&n)
	return n, err
}

// Remove takes a person's own upload away, as long as no bulletin uses it.
func (r *Room) Remove(ctx context.Context, who loa.Actor, id string) error {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		u, err := hold(tx, who, id)
		if err != nil {
			return journal.Entry{}, err
		}
		if u.Taken {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "upload.taken")
		}
		if err := os.RemoveAll(r.folder(id)); err != nil {
			return journal.Entry{}, r.told(err)
		}
		if err := tx.Discard(u.Source, u.Media); err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`DELETE FROM upload WHERE id = ?`, id)
		return journal.Entry{Verb: "upload.removed", Path: u.Path, Subject: id}, err
	})
	if err != nil {
		return fmt.Errorf("remove upload: %w", err)
	}
	return nil
}

// hold is load for a transaction that will change the upload.
func hold(tx *db.Tx, who loa.Actor, id string) (Upload, error) {
	u, err := held(tx, id)
	if err == nil && u.Person != who.ID {
		return Upload{}, loa.Errorf(loa.NotFound, "upload.unknown")
	}
	return u, err
}

// held is hold for the program itself.
func held(tx *db.Tx, id string) (Upload, error) {
	if err := tx.Lock("upload", id); err != nil && !errors.Is(err, db.ErrNone) {
		return Upload{}, err
	}
	return one(tx, id)
}
