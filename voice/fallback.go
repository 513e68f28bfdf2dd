package voice

import (
	"context"
	"log/slog"

	"loa"
)

// Fallback asks one engine and, when that one is away, another. Speech.By tells
// which of them spoke; a text that the first refuses is not tried again.
type Fallback struct {
	First, Then Engine
	Log         *slog.Logger
}

// Name is the first engine's.
func (f Fallback) Name() string { return f.First.Name() }

// Models are the first engine's voices.
func (f Fallback) Models() []Model { return f.First.Models() }

// Say speaks with the first engine, or with the other in the same accent and at
// the same speed.
func (f Fallback) Say(ctx context.Context, text string, v Voice) (Speech, error) {
	said, err := f.First.Say(ctx, text, v)
	if loa.CodeOf(err) != loa.Unavailable || ctx.Err() != nil {
		return said, err
	}
	f.Log.WarnContext(ctx, "the first speech engine is away", slog.String("engine", f.First.Name()), slog.String("error", err.Error()))
	v.Name = ""
	return f.Then.Say(ctx, text, v)
}
