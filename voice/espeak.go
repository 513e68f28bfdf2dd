package voice

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Espeak is espeak-ng, the engine that is always there: three Vietnamese
// accents, offline, a minute of speech in a few milliseconds. It sounds like a
// machine, so the page says so. It runs as a process of its own (GPL-3).
type Espeak struct {
	Path    string        // the program; "" finds espeak-ng in PATH
	Timeout time.Duration // for one text; 0 is two minutes
}

// Name is "espeak-ng".
func (Espeak) Name() string { return "espeak-ng" }

// Models are its three accents.
func (Espeak) Models() []Model {
	return []Model{{"", "espeak-ng", "north", ""}, {"", "espeak-ng", "central", ""}, {"", "espeak-ng", "south", ""}}
}

// Say speaks text: 16-bit mono at 22,050 Hz.
func (e Espeak) Say(ctx context.Context, text string, v Voice) (Speech, error) {
	v, _, err := v.of(e.Models())
	if err != nil {
		return Speech{}, err
	}
	path := e.Path
	if path == "" {
		path = "espeak-ng"
	}
	name := map[string]string{"north": "vi", "central": "vi-vn-x-central", "south": "vi-vn-x-south"}[v.Accent]
	args := []string{"-v", name, "-s", strconv.Itoa(v.WordsPerMinute), "-b", "1", "--stdin", "--stdout"}
	// "[[" would make espeak-ng read what follows as phonemes.
	text = strings.ReplaceAll(text, "[[", "[ [")
	return speak(ctx, e.Timeout, e.Name(), path, args, text, 0)
}
