package desk

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/sound"
	"loa/upload"
	"loa/web"
	"loa/wire"
)

// recorder is what the block "Ghi âm hoặc tải tệp lên" needs to know.
type recorder struct {
	Path   loa.Path
	Upload string // what it already holds
}

// Seconds is the longest recording.
func (recorder) Seconds() int { return int(sound.MaxDuration / time.Second) }

// Bytes is the largest file.
func (recorder) Bytes() int { return upload.MaxBytes }

// Megabytes is the same as people say it.
func (recorder) Megabytes() int { return upload.MaxBytes >> 20 }

// multipartBody is the largest form with a file in it.
const multipartBody = upload.MaxBytes + 64<<10

// beginUpload, uploadState, uploadPiece and dropUpload speak tus 1.0
// (https://tus.io/protocols/resumable-upload) with the extensions creation,
// creation-defer-length and termination.
func (d *desk) beginUpload(w http.ResponseWriter, r *http.Request) error {
	length := int64(-1)
	if r.Header.Get("Upload-Defer-Length") != "1" {
		var err error
		if length, err = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64); err != nil || length < 0 {
			return loa.Errorf(loa.Invalid, "upload.malformed")
		}
	}
	meta := tusMetadata(r.Header.Get("Upload-Metadata"))
	origin := upload.Origin(meta["origin"])
	if origin == "" {
		origin = upload.File
	}
	u, err := d.Uploads.Begin(r.Context(), web.Actor(r), writesFor(r, loa.Path(meta["path"])), origin, meta["filename"], length)
	if err != nil {
		return err
	}
	tusHeader(w, 0, length)
	w.Header().Set("Location", "/uploads/"+u.ID)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (d *desk) uploadState(w http.ResponseWriter, r *http.Request) error {
	u, offset, err := d.Uploads.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	tusHeader(w, offset, u.Bytes)
	return d.Site.JSON(w, r, d.made(r, u))
}

func (d *desk) uploadPiece(w http.ResponseWriter, r *http.Request) error {
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		return loa.Errorf(loa.Invalid, "upload.malformed")
	}
	b, broke := io.ReadAll(r.Body)
	if large := new(http.MaxBytesError); errors.As(broke, &large) {
		return loa.Errorf(loa.Invalid, "body.too_large", large.Limit>>10)
	}
	// What arrived before the link broke is kept: the next try begins after it.
	next, err := d.Uploads.Piece(r.Context(), web.Actor(r), r.PathValue("id"), offset, b)
	if err != nil {
		if loa.KeyOf(err) == "upload.offset" {
			tusHeader(w, next, -1)
		}
		return err
	}
	if broke != nil {
		return loa.Errorf(loa.Invalid, "upload.malformed").Because(broke)
	}
	tusHeader(w, next, -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func tusHeader(w http.ResponseWriter, offset, length int64) {
	h := w.Header()
	h.Set("Tus-Resumable", "1.0.0")
	h.Set("Cache-Control", "no-store")
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	if length >= 0 {
		h.Set("Upload-Length", strconv.FormatInt(length, 10))
	} else {
		h.Set("Upload-Defer-Length", "1")
	}
}

// tusMetadata reads "key base64,key base64".
func tusMetadata(s string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if b, err := base64.StdEncoding.DecodeString(value); err == nil {
			all[key] = string(b)
		}
	}
	return all
}

// made is an upload as the page's script reads it.
type made struct {
	ID    string       `json:"id"`
	State upload.State `json:"state"`
	MS    int64        `json:"ms"`
	Text  string       `json:"text,omitempty"` // of a document
	Said  string       `json:"said,omitempty"` // a sentence about it
}

func (d *desk) made(r *http.Request, u upload.Upload) made {
	m := made{ID: u.ID, State: u.State, MS: u.MediaMS, Text: u.Text}
	locale := d.Site.Locale(r)
	switch {
	case u.Media != "" && u.Rasps >= 0:
		m.Said = d.Site.Catalog.T(locale, "record.rasps", clock(u.MediaMS), clock(u.Rasps))
	case u.Media != "":
		m.Said = d.Site.Catalog.T(locale, "record.ready", clock(u.MediaMS))
	}
	return m
}

// clock is a length or a place in a sound, "2:05".
func clock(ms int64) string { return fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60) }

func (d *desk) finishUpload(w http.ResponseWriter, r *http.Request) error {
	u, err := d.Uploads.Finish(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.Site.JSON(w, r, d.made(r, u))
}

func (d *desk) dropUpload(w http.ResponseWriter, r *http.Request) error {
	if err := d.Uploads.Remove(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	w.Header().Set("Tus-Resumable", "1.0.0")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadSound is what a recording became: exactly what would sound.
func (d *desk) uploadSound(w http.ResponseWriter, r *http.Request) error {
	u, _, err := d.Uploads.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if u.Media == "" {
		return loa.Errorf(loa.NotFound, "bulletin.no_sound")
	}
	sound, err := d.Sound(u.Media)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", strconv.Quote(u.Media))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sound))
	return nil
}

// recordPage is for browsers without a script: a file, or the phone's own recorder.
func (d *desk) recordPage(w http.ResponseWriter, r *http.Request) error {
	return d.Site.Page(w, r, d.pages, "record", "record.title", recorder{Path: writesFor(r, "")})
}

func (d *desk) record(w http.ResponseWriter, r *http.Request) error {
	in, err := d.receive(r)
	if err != nil {
		if loa.CodeOf(err) != loa.Invalid && loa.CodeOf(err) != loa.Conflict {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "record", "record.title", recorder{Path: writesFor(r, in.path)}, err)
	}
	return d.offer(w, r, in)
}

// share takes what the phone's share sheet hands over: a text becomes the text of
// a new bulletin, a recording its sound, a document its text.
func (d *desk) share(w http.ResponseWriter, r *http.Request) error {
	in, err := d.receive(r)
	if err != nil {
		return err
	}
	return d.offer(w, r, in)
}

// parcel is what a form with a file brought: a sound, a text, or both.
type parcel struct {
	path   loa.Path
	upload string
	text   string
	title  string
	role   wire.Role // for the library
}

// receive reads a multipart form: its fields, and its first file as an upload.
func (d *desk) receive(r *http.Request) (in parcel, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return in, loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	var text, link, read string // read: out of a document; parts come in any order
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var b []byte
		if err == nil {
			b, err = io.ReadAll(part)
		}
		if large := new(http.MaxBytesError); errors.As(err, &large) {
			return in, loa.Errorf(loa.Invalid, "upload.too_large", upload.MaxBytes>>20)
		} else if err != nil {
			return in, loa.Errorf(loa.Invalid, "page.form").Because(err)
		}
		switch part.FormName() {
		case "path":
			in.path = loa.Path(b)
		case "text":
			text = strings.TrimSpace(string(b))
		case "title":
			in.title = string(b)
		case "url":
			link = strings.TrimSpace(string(b))
		case "file":
			if in.upload != "" || len(b) == 0 {
				continue
			}
			u, err := d.wholeFile(r.Context(), r, in.path, part.FileName(), b)
			if err != nil {
				return in, err
			}
			if in.upload = u.ID; u.Text != "" {
				read, in.upload = u.Text, ""
			}
		}
	}
	if link != "" && strings.Contains(text, link) {
		link = ""
	}
	in.text = strings.Join(slices.DeleteFunc([]string{text, link, read}, func(s string) bool { return s == "" }), "\n")
	if in.upload == "" && strings.TrimSpace(in.text+in.title) == "" {
		return in, loa.Errorf(loa.Invalid, "upload.empty")
	}
	return in, nil
}

// wholeFile passes a whole file through the room.
func (d *desk) wholeFile(ctx context.Context, r *http.Request, path loa.Path, name string, b []byte) (upload.Upload, error) {
	return d.Uploads.Whole(ctx, web.Actor(r), writesFor(r, path), name, b)
}

// keepUploads takes the recordings of a notice, so that they are not forgotten.
// What the bulletin already holds may be somebody else's; what is new must be
// the writer's own.
func (d *desk) keepUploads(r *http.Request, id string, n bulletin.Notice) error {
	had := map[string]bool{"": true}
	if id != "" {
		b, err := d.Bulletins.Find(r.Context(), web.Actor(r), id)
		if err != nil {
			return err
		}
		for _, one := range b.Renditions {
			had[one.Upload] = true
		}
	}
	ids := []string{n.Upload}
	for _, o := range n.Others {
		ids = append(ids, o.Upload)
	}
	for _, one := range ids {
		if had[one] {
			continue
		}
		if _, err := d.Uploads.Keep(r.Context(), web.Actor(r), one); err != nil {
			return err
		}
	}
	return nil
}
