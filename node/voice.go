package node

import (
	"log/slog"
	"path/filepath"
	"strings"

	"loa"
	"loa/voice"
)

// The engines that can be named in LOA_VOICE_ENGINE.
const (
	engineEspeak  = "espeak-ng"
	engineCommand = "command"
	engineFPT     = "fpt"
)

// Voice puts the configured speech engine together, each with its own cache. The
// callbacks are nil unless the engine is told to be called back.
func (c Config) Voice(clock loa.Clock, log *slog.Logger) (voice.Engine, *voice.Callbacks, error) {
	kept := func(e voice.Engine) voice.Engine { return &voice.Cache{Dir: filepath.Join(c.Dir, "speech"), Engine: e} }
	offline := kept(voice.Espeak{Path: "espeak-ng"})
	var first voice.Engine
	var calls *voice.Callbacks
	switch c.VoiceEngine {
	case "", engineEspeak:
		return offline, nil, nil
	case engineCommand:
		words := strings.Fields(c.VoiceCommand)
		if len(words) == 0 {
			return nil, nil, loa.Errorf(loa.Invalid, "config.voice", "LOA_VOICE_COMMAND")
		}
		label := c.VoiceLabel
		if label == "" {
			label = filepath.Base(words[0])
		}
		first = kept(voice.Command{Label: label, Path: words[0], Args: words[1:]})
	case engineFPT:
		if c.VoiceKey == "" {
			return nil, nil, loa.Errorf(loa.Invalid, "config.voice", "LOA_VOICE_KEY")
		}
		f := voice.FPT{URL: c.VoiceURL, Key: c.VoiceKey, Clock: clock}
		if c.VoiceCallback != "" {
			calls = &voice.Callbacks{Base: strings.TrimSuffix(c.VoiceCallback, "/") + "/voice/callback/"}
			f.Callbacks = calls
		}
		first = kept(f)
	default:
		return nil, nil, loa.Errorf(loa.Invalid, "config.voice", "LOA_VOICE_ENGINE")
	}
	switch c.VoiceFallback {
	case "":
		return first, calls, nil
	case engineEspeak:
		return voice.Fallback{First: first, Then: offline, Log: log}, calls, nil
	}
	return nil, nil, loa.Errorf(loa.Invalid, "config.voice", "LOA_VOICE_FALLBACK")
}
