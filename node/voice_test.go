package node_test

import (
	"log/slog"
	"testing"

	"loa"
	"loa/node"
	"loa/voice"
	"loa/voice/voicetest"
)

func TestVoiceConfigured(t *testing.T) {
	f := voicetest.NewFPT(t)
	for _, c := range []struct {
		name   string
		config node.Config
		key    string // of the error, or
		by     string // who speaks
	}{
		{"nothing said", node.Config{}, "", "espeak-ng"},
		{"by name", node.Config{VoiceEngine: "espeak-ng"}, "", "espeak-ng"},
		{"a program", node.Config{VoiceEngine: "command", VoiceLabel: "máy đọc", VoiceCommand: "espeak-ng -v vi -s {speed} --stdin --stdout"}, "", "máy đọc"},
		{"a program, named after itself", node.Config{VoiceEngine: "command", VoiceCommand: "espeak-ng -v vi --stdin --stdout"}, "", "espeak-ng"},
		{"the service", node.Config{VoiceEngine: "fpt", VoiceKey: f.Key, VoiceURL: f.URL()}, "", "fpt.ai Ban Mai"},
		{"the service away", node.Config{VoiceEngine: "fpt", VoiceKey: "x", VoiceURL: f.URL()}, "voice.key", ""},
		{"the service away, with another", node.Config{VoiceEngine: "fpt", VoiceKey: "x", VoiceURL: f.URL(), VoiceFallback: "espeak-ng"}, "", "espeak-ng"},
		{"no program", node.Config{VoiceEngine: "command"}, "config.voice", ""},
		{"no key", node.Config{VoiceEngine: "fpt"}, "config.voice", ""},
		{"an engine nobody has", node.Config{VoiceEngine: "gramophone"}, "config.voice", ""},
		{"a fallback nobody has", node.Config{VoiceEngine: "fpt", VoiceKey: "x", VoiceFallback: "fpt"}, "config.voice", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Dir = t.TempDir()
			engine, calls, err := c.config.Voice(loa.WallClock{}, slog.New(slog.DiscardHandler))
			if err == nil {
				var said voice.Speech
				said, err = engine.Say(t.Context(), "Bà con ơi.", voice.Voice{})
				if said.By != c.by {
					t.Errorf("spoken by %q, want %q", said.By, c.by)
				}
			}
			if err != nil && loa.KeyOf(err) != c.key || err == nil && c.key != "" {
				t.Errorf("%v, want %q", err, c.key)
			}
			if calls != nil {
				t.Error("calls are waited for that nobody was asked to make")
			}
		})
	}
	_, calls, err := node.Config{Dir: t.TempDir(), VoiceEngine: "fpt", VoiceKey: f.Key, VoiceURL: f.URL(), VoiceCallback: "https://loa.example/"}.
		Voice(loa.WallClock{}, slog.New(slog.DiscardHandler))
	if err != nil || calls == nil || calls.Base != "https://loa.example/voice/callback/" {
		t.Fatal(calls, err)
	}
}
