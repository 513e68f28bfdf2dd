package voice

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Command is any program that reads text on standard input and writes WAV on
// standard output, such as Piper with a voice of the operator's.
type Command struct {
	// Label names the program and its voice model, e.g. "piper vivos". Change
	// it with the model, or sounds of the old model are served.
	Label string
	// Path is the program; without a slash it is looked for in PATH.
	Path string
	// Args are its arguments. In each, {accent} becomes north, central or
	// south, {speed} the words per minute, {length} the duration as a factor of
	// the default (140/speed, as Piper's --length_scale wants it).
	Args []string
	// Limit is how many characters it takes in one go; 0 is any number.
	Limit int
	// Timeout is for one text; 0 is two minutes.
	Timeout time.Duration
}

// Name is the label.
func (c Command) Name() string { return c.Label }

// Models are one voice for each accent: what a program does with {accent} is its
// operator's business.
func (c Command) Models() []Model {
	return []Model{{"", c.Label, "north", ""}, {"", c.Label, "central", ""}, {"", c.Label, "south", ""}}
}

// Say gives text to the program and takes its WAV.
func (c Command) Say(ctx context.Context, text string, v Voice) (Speech, error) {
	v, _, err := v.of(c.Models())
	if err != nil {
		return Speech{}, err
	}
	fill := strings.NewReplacer(
		"{accent}", v.Accent,
		"{speed}", strconv.Itoa(v.WordsPerMinute),
		"{length}", strconv.FormatFloat(DefaultSpeed/float64(v.WordsPerMinute), 'f', 3, 64),
	)
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = fill.Replace(a)
	}
	return speak(ctx, c.Timeout, c.Label, c.Path, args, text, c.Limit)
}
