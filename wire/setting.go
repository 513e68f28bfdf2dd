package wire

import (
	"crypto/ed25519"
	"slices"
	"unicode/utf8"

	"loa"
)

// Setting is one thing a box is told from afar; exactly one of its fields. None
// can make anything louder than placement, policy and warrant allow.
type Setting struct {
	Volume  int  `json:"volume,omitempty"`  // percent the box is set to, 1–100; an emergency does not ask it
	Logs    int  `json:"logs,omitempty"`    // post so many of the last lines of the log to the node, 1–500
	Restart bool `json:"restart,omitempty"` // end the program, so that the system starts it again
}

func (w Warrant) checkSetting() error {
	if w.Class != Normal || !w.Now || w.Setting == nil {
		return malformed("warrant", "setting")
	}
	s, told := *w.Setting, 0
	for _, is := range []bool{s.Volume != 0, s.Logs != 0, s.Restart} {
		if is {
			told++
		}
	}
	if told != 1 || s.Volume < 0 || s.Volume > 100 || s.Logs < 0 || s.Logs > maxLogLines {
		return malformed("warrant", "setting")
	}
	if len(w.Poles) > 64 || slices.ContainsFunc(w.Poles, notCode) {
		return malformed("warrant", "poles")
	}
	return nil
}

// SettingFor reports whether a setting means a device: its scope does and, where
// it names poles, it names this one.
func SettingFor(w Warrant, p Placement) bool {
	return InScope(w.Scope, p) && (len(w.Poles) == 0 || slices.Contains(w.Poles, p.Code))
}

// Loudness is the volume in percent a sound is played at: the lowest of what
// policies and placement allow, the warrant's cap, the placement's, what the box
// was installed with and what it was set to. An emergency does not ask the last:
// whoever may turn a speaker down may not thereby silence an alarm.
func Loudness(w Warrant, p Placement, allowed, installed, set int) int {
	v := min(allowed, w.Cap, p.Cap, installed)
	if set > 0 && w.Class != Emergency {
		v = min(v, set)
	}
	return v
}

const (
	// maxLogLines is how many lines a log holds at most.
	maxLogLines = 500
	// MaxLogLine is how long, in bytes, a line is at most.
	MaxLogLine = 400
	// MaxLog is the size in bytes of the largest log.
	MaxLog = 64 << 10
)

// Log is what a box last wrote to its log, posted because a setting asked for it,
// sealed by the device's key.
type Log struct {
	V       int      `json:"v"`
	Kind    string   `json:"kind"` // "log"
	Device  string   `json:"device"`
	At      int64    `json:"at"`      // UTC ms
	Warrant string   `json:"warrant"` // hash of the setting that asked
	Lines   []string `json:"lines"`   // the oldest first; cut at MaxLogLine bytes
}

// Check says what is wrong with a log's own content.
func (l Log) Check() error {
	if err := head(l.V, l.Kind, "log"); err != nil {
		return err
	}
	long := func(s string) bool { return len(s) > MaxLogLine || !utf8.ValidString(s) }
	if !loa.IsID(l.Device) || l.At <= 0 || !loa.IsHash(l.Warrant) || len(l.Lines) > maxLogLines || slices.ContainsFunc(l.Lines, long) {
		return malformed("log", "device, date or lines")
	}
	return nil
}

// OpenLog verifies a log with the key of the device that claims to have sent it;
// key finds it by device id.
func OpenLog(b []byte, key func(device string) (ed25519.PublicKey, error)) (Log, error) {
	o, l, err := open[Log](b, LogType, MaxLog)
	if err != nil {
		return l, err
	}
	return l, byDevice(o, l.Device, key)
}
