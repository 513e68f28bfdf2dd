// Package lang holds every sentence Loa says, one file for each language, and
// the two ways Vietnamese names are compared: found (Fold) and ordered (SortKey).
//
// A language is one file: flat keys, each with a text in which %v stands for an
// argument, in order, and %[2]v for the second one where another order reads
// better. Other verbs are not allowed, because an argument may have crossed a
// socket as text on its way to the reader.
package lang

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"loa"
)

//go:embed vi.json en.json
var files embed.FS

// first is the language of whoever asked for none, and of a key that another
// language lacks.
const first = "vi"

// Catalog is the texts of all languages. It is read only and may be used by
// several goroutines.
type Catalog struct{ texts map[string]map[string]string }

// Load reads the catalogues that come with the program.
func Load() (*Catalog, error) {
	c := &Catalog{map[string]map[string]string{}}
	for _, locale := range []string{"vi", "en"} {
		b, err := files.ReadFile(locale + ".json")
		if err != nil {
			return nil, fmt.Errorf("load catalogue: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("load catalogue %s: %w", locale, err)
		}
		c.texts[locale] = texts
	}
	return c, nil
}

// Has reports whether there is a catalogue for a language.
func (c *Catalog) Has(locale string) bool { return c.texts[locale] != nil }

// T is the text of a key in a language, with its arguments; the key itself when
// nobody has written it, which a test of this package finds first.
func (c *Catalog) T(locale, key string, args ...any) string {
	text, ok := c.texts[locale][key]
	if !ok {
		if text, ok = c.texts[first][key]; !ok {
			return key
		}
	}
	return fill(text, args)
}

// Error is the sentence of an error in a language. Arguments that are words of
// the program (a state, a right) are said in that language too. Whatever is not
// a *loa.Error is "internal": its own text is for the log.
func (c *Catalog) Error(locale string, err error) string {
	var e *loa.Error
	if !errors.As(err, &e) {
		return c.T(locale, "internal")
	}
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		args[i] = a
		if word, ok := a.(string); ok {
			args[i] = c.Word(locale, word)
		}
	}
	return c.T(locale, e.Key, args...)
}

// Word says a word of the program (a state, a right, why a speaker stayed
// silent): its own text, else the sentence of the error of that key, else as it
// is.
func (c *Catalog) Word(locale, word string) string {
	if said := c.T(locale, "word."+word); said != "word."+word {
		return said
	}
	return c.T(locale, word)
}

// place is where an argument stands in a text.
var place = regexp.MustCompile(`%(?:\[(\d+)\])?v|%%`)

// fill puts arguments into a text. An argument the text does not say is left
// out; one it says without there being any is "…".
func fill(text string, args []any) string {
	if !strings.Contains(text, "%") {
		return text
	}
	next := 0
	return place.ReplaceAllStringFunc(text, func(found string) string {
		if found == "%%" {
			return "%"
		}
		at := next
		if number := place.FindStringSubmatch(found)[1]; number != "" {
			at, _ = strconv.Atoi(number) // the pattern lets digits through only
			at--
		} else {
			next++
		}
		if at < 0 || at >= len(args) {
			return "…"
		}
		return fmt.Sprint(args[at])
	})
}
