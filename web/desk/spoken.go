package desk

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"loa"
	"loa/bulletin"
	"loa/voice"
	"loa/web"
)

// speech is what will be read out, ready to be shown with its changes marked.
// Each mark leads to where its reading is set right for ever.
type speech struct {
	voice.Spoken
	At   loa.Path // the unit that reads it so
	Fix  bool     // the reader may set its words right
	Lost bool     // the lexicon changed since the words were fixed: they stand without marks
	Next string   // where to go on after a correction
}

// speech is how a place reads a text now.
func (d *desk) speech(r *http.Request, at loa.Path, text, accent string) (speech, error) {
	spoken, err := d.Bulletins.Speak(r.Context(), at, text, accent)
	return speech{Spoken: spoken, At: at, Fix: web.Actor(r).May(loa.RightWrite, at), Next: "/bulletins/new"}, err
}

// speechOf is what is read out of a language of a bulletin: of a fixed one, the very words.
func (d *desk) speechOf(r *http.Request, b bulletin.Bulletin, one bulletin.Rendition) (speech, error) {
	spoken, known, err := d.Bulletins.Spoken(r.Context(), b, one)
	return speech{Spoken: spoken, At: b.Path, Fix: b.State == bulletin.Draft && web.Actor(r).May(loa.RightWrite, b.Path),
		Lost: !known, Next: "/bulletins/" + b.ID}, err
}

// part is a piece of the spoken text; From is what was written where it differs.
type part struct{ Text, From string }

// Parts cuts the spoken text at its changes. They come in the order of the text,
// so each is the first of its kind after the one before; one that cannot be found
// (it is not spoken) marks nothing.
func (s speech) Parts() []part {
	var all []part
	rest := s.Text
	for _, c := range s.Changes {
		before, after, found := strings.Cut(rest, c.To)
		if c.To == "" || !found {
			continue
		}
		all = append(all, part{Text: before}, part{c.To, c.From})
		rest = after
	}
	return append(all, part{Text: rest})
}

// Fixable reports whether the reading of what was written can be set right in the
// lexicon: a number alone cannot, it is written in words where it stands.
func (s speech) Fixable(written string) bool {
	return s.Fix && strings.ContainsFunc(written, unicode.IsLetter)
}

// FixAddress is the form that sets one reading right: for the unit that speaks,
// with both forms filled in.
func (s speech) FixAddress(written, spoken string) string {
	return "/words?" + url.Values{"path": {string(s.At)}, "at": {string(s.At)}, "written": {written}, "spoken": {spoken}, "next": {s.Next}}.Encode() + "#word"
}

// chosenVoice is the voice and speed a form asks for: "south linhsan" is an
// accent and one voice of it.
func chosenVoice(r *http.Request) voice.Voice {
	accent, name, _ := strings.Cut(r.PostFormValue("accent"), " ")
	v := voice.Voice{Accent: accent, Name: name}
	if r.PostFormValue("speed") != "" {
		v.WordsPerMinute = slow
	}
	return v
}

// voiceChoice is one voice to choose.
type voiceChoice struct {
	voice.Model
	Value  string
	Chosen bool
}

// voices offers what the engine has; of an accent without a name asked for, its
// usual voice is chosen.
func voices(all []voice.Model, n bulletin.Notice) (choices []voiceChoice) {
	accent, found := n.Accent, false
	if accent == "" {
		accent = "north"
	}
	for _, m := range all {
		c := voiceChoice{Model: m, Value: strings.TrimSpace(m.Accent + " " + m.Name)}
		c.Chosen = !found && m.Accent == accent && (n.Voice == "" || n.Voice == m.Name)
		found = found || c.Chosen
		choices = append(choices, c)
	}
	return choices
}
