package desk

import (
	"net/http"
	"net/url"
	"strings"

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

// FixAddress is the form that sets one reading right: for the unit that speaks,
// with both forms filled in.
func (s speech) FixAddress(written, spoken string) string {
	return "/words?" + url.Values{"path": {string(s.At)}, "at": {string(s.At)}, "written": {written}, "spoken": {spoken}, "next": {s.Next}}.Encode() + "#word"
}
