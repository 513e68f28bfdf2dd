package bulletin

// Beside the line: the languages a bulletin speaks in. Decree 49/2024/NĐ-CP
// wants essential information in Vietnamese and in the languages of the peoples
// who live there; no machine reads those, so each is somebody's recording.

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"loa"
	"loa/db"
	"loa/sound"
	"loa/voice"
	"loa/wire"
)

// Where the sound of a rendition comes from.
const (
	FromText      = "text"      // read out by the machine
	FromRecording = "recording" // spoken by a person
)

// Vietnamese is the language of the main rendition, and the only one that the
// machine reads.
const Vietnamese = "vi"

// maxRenditions is how many sounds a warrant carries.
const maxRenditions = 4

// Rendition (phiên bản tiếng) is a bulletin in one language.
type Rendition struct {
	Lang       string // BCP 47
	Source     string // FromText, FromRecording
	Text       string // as written; of a recording, what is said in it, or ""
	Spoken     string // as read out; "" for a recording
	Accent     string // north, central, south
	Speed      int    // words a minute, 0 as usual
	Voice      string // the engine's voice, "" as usual
	SpokenBy   string // the engine that spoke it, and its voice; "" before, and for a recording
	Upload     string // id of the recording; "" for a text, or while nobody has recorded it
	SourceHash string // SHA-256 of the recording as it came in
	Media      string // hash of the canonical sound
	Bytes      int64
	MS         int64
	Loudness   string // before and after
	Kept       int    // not 0: the sound was deleted after so many months
}

// Machine reports whether the machine reads it out.
func (r Rendition) Machine() bool { return r.Source == FromText }

// Sounds is why its sound cannot be played to anybody, nil where it can.
func (r Rendition) Sounds() error {
	if r.Kept > 0 {
		return loa.Errorf(loa.NotFound, "bulletin.sound_deleted", r.Kept)
	}
	if r.Media == "" {
		return loa.Errorf(loa.NotFound, "bulletin.no_sound")
	}
	return nil
}

// Languages is what a bulletin may speak in, Vietnamese first, then the peoples
// by their numbers. The codes are BCP 47 from the registry of ISO 639; names are
// in the catalogue (language.*).
func Languages() []string {
	return []string{Vietnamese, "tyz", "blt", "mtq", "km", "hmn", "nut", "ium", "jra", "rad", "bdq", "cjm", "kpm", "sed", "hre", "cmo",
		"rog", "sti", "bru", "ktv", "hni", "zh"}
}

// knownLanguage checks a code that came from a form and gives its one spelling.
func knownLanguage(code string) (string, error) {
	tag, err := language.Parse(code)
	if err == nil {
		for _, l := range Languages() {
			if tag.String() == l {
				return l, nil
			}
		}
	}
	return "", loa.Errorf(loa.Invalid, "rendition.language", loa.Clip(code))
}

// Main is the first rendition; a bulletin always has one.
func (b Bulletin) Main() Rendition {
	if len(b.Renditions) == 0 {
		return Rendition{}
	}
	return b.Renditions[0]
}

// MS is how long all its languages sound once, one after the other.
func (b Bulletin) MS() (ms int64) {
	for _, r := range b.Renditions {
		ms += r.MS
	}
	return ms
}

// Has reports whether it speaks a language.
func (b Bulletin) Has(lang string) bool {
	for _, r := range b.Renditions {
		if r.Lang == lang {
			return true
		}
	}
	return false
}

// media is what the warrant carries: every sound, in order.
func (b Bulletin) media() (all []wire.Media) {
	for _, r := range b.Renditions {
		all = append(all, wire.Media{Hash: r.Media, Bytes: r.Bytes, MS: r.MS, Form: wire.CanonicalForm, Lang: r.Lang})
	}
	return all
}

// speech is the warrant's mark: one sentence read by a machine makes it synthetic.
func (b Bulletin) speech() string {
	for _, r := range b.Renditions {
		if r.Machine() {
			return "synthetic"
		}
	}
	return "recorded"
}

// renditions checks and completes the languages of a notice: the main one from its
// own fields, then the others, each a recording.
func (n Notice) renditions() ([]Rendition, error) {
	main := Rendition{Lang: Vietnamese, Source: FromText, Accent: n.Accent, Speed: n.Speed, Voice: n.Voice, Upload: n.Upload}
	if n.Upload != "" {
		main.Source = FromRecording
	}
	text, err := cleanText(n.Text, main.Source)
	if err != nil {
		return nil, err
	}
	main.Text = text
	if main.Accent == "" {
		main.Accent = "north"
	}
	if n.Speed != 0 && (n.Speed < voice.MinSpeed || n.Speed > voice.MaxSpeed) {
		return nil, loa.Errorf(loa.Invalid, "voice.speed", n.Speed, voice.MinSpeed, voice.MaxSpeed)
	}
	all := []Rendition{main}
	for _, o := range n.Others {
		r := Rendition{Source: FromRecording, Upload: o.Upload}
		if r.Lang, err = knownLanguage(o.Lang); err != nil {
			return nil, err
		}
		if r.Text, err = cleanText(o.Text, FromRecording); err != nil {
			return nil, err
		}
		if (Bulletin{Renditions: all}).Has(r.Lang) {
			return nil, loa.Errorf(loa.Invalid, "rendition.twice", "language."+r.Lang)
		}
		all = append(all, r)
	}
	if len(all) > maxRenditions {
		return nil, loa.Errorf(loa.Invalid, "rendition.too_many", maxRenditions)
	}
	return all, nil
}

// cleanText is voice.Clean; a recording needs no text.
func cleanText(text, source string) (string, error) {
	clean, err := voice.Clean(text)
	if source == FromRecording && loa.KeyOf(err) == "text.empty" {
		return "", nil
	}
	return clean, err
}

// Recordings gives a person's recording by its id, in the canonical form, with
// the SHA-256 of what came in.
type Recordings func(ctx context.Context, upload string) (res sound.Result, source string, err error)

// make gives every rendition its sound: spoken by the machine, or taken from
// the recording.
func (f *Flow) make(ctx context.Context, r *Rendition) (err error) {
	var res sound.Result
	switch {
	case r.Machine():
		speech, err := f.Speech.Say(ctx, r.Spoken, voice.Voice{Name: r.Voice, Accent: r.Accent, WordsPerMinute: r.Speed})
		if err != nil {
			return fmt.Errorf("speak bulletin: %w", err)
		}
		if res, err = f.Encoder.Speech(ctx, speech.WAV); err != nil {
			return fmt.Errorf("encode bulletin: %w", err)
		}
		r.SpokenBy = speech.By
	case r.Upload == "" || f.Recordings == nil:
		return loa.Errorf(loa.Invalid, "rendition.no_recording", "language."+r.Lang)
	default:
		if res, r.SourceHash, err = f.Recordings(ctx, r.Upload); err != nil {
			return fmt.Errorf("take recording: %w", err)
		}
	}
	if r.Media, err = f.Blobs.Put(ctx, res.MP3); err != nil {
		return fmt.Errorf("keep sound: %w", err)
	}
	r.Bytes, r.MS = int64(len(res.MP3)), res.Duration.Milliseconds()
	r.Loudness = fmt.Sprintf("%.1f → %.1f LUFS", res.Before.IntegratedLUFS, res.After.IntegratedLUFS)
	return nil
}

// sameSources reports whether two lists of renditions would sound alike.
func sameSources(a, b []Rendition) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.Lang != y.Lang || x.Source != y.Source || x.Spoken != y.Spoken || x.Accent != y.Accent || x.Speed != y.Speed ||
			x.Voice != y.Voice || x.Upload != y.Upload {
			return false
		}
	}
	return true
}

const renditionColumns = `bulletin_id, position, lang, source, text, spoken, accent, speed, voice, spoken_by, upload, source_hash,
	media, media_bytes, media_ms, loudness, kept_months`

// keepRenditions writes the renditions of b in place of those before.
func keepRenditions(tx *db.Tx, b Bulletin) error {
	if _, err := tx.Exec(`DELETE FROM rendition WHERE bulletin_id = ?`, b.ID); err != nil {
		return fmt.Errorf("keep renditions: %w", err)
	}
	for i, r := range b.Renditions {
		if _, err := tx.Exec(`INSERT INTO rendition (`+renditionColumns+`) VALUES (?`+strings.Repeat(", ?", 16)+`)`,
			b.ID, i, r.Lang, r.Source, r.Text, r.Spoken, r.Accent, r.Speed, r.Voice, r.SpokenBy, r.Upload, r.SourceHash,
			r.Media, r.Bytes, r.MS, r.Loudness, r.Kept); err != nil {
			return fmt.Errorf("keep renditions: %w", err)
		}
	}
	return nil
}

// withRenditions reads the renditions of bulletins just read.
func withRenditions(tx *db.Tx, all []Bulletin) error {
	if len(all) == 0 {
		return nil
	}
	at := map[string]*Bulletin{}
	args := make([]any, len(all))
	for i := range all {
		at[all[i].ID], args[i] = &all[i], all[i].ID
	}
	_, err := db.All(tx, `SELECT `+renditionColumns+` FROM rendition WHERE bulletin_id IN (?`+strings.Repeat(", ?", len(all)-1)+`)
		ORDER BY bulletin_id, position`, args, func(scan func(...any) error) (r Rendition, err error) {
		var id string
		var position int
		err = scan(&id, &position, &r.Lang, &r.Source, &r.Text, &r.Spoken, &r.Accent, &r.Speed, &r.Voice, &r.SpokenBy, &r.Upload, &r.SourceHash,
			&r.Media, &r.Bytes, &r.MS, &r.Loudness, &r.Kept)
		if b := at[id]; b != nil {
			b.Renditions = append(b.Renditions, r)
		}
		return r, err
	})
	if err != nil {
		return fmt.Errorf("read renditions: %w", err)
	}
	return nil
}
