package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"loa"
	"loa/seal"
)

// Mark is a number that only rises, and the SHA-256 of the payload it was used
// for. The names are "now <issuer>", "placement <device>", "policy <path>" and
// "count <credential>" (WebAuthn's signature counter).
type Mark struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
}

const (
	nowMark       = "now "
	placementMark = "placement "
	policyMark    = "policy "
	phrasesMark   = "phrases "
	countMark     = "count "
)

const maxMark = 4 << 10 // bytes of a line; a credential id has up to 1364 characters

// marks are the numbers given out: in memory, and as lines of JSON in a file
// that is only appended to and synced before anybody sees an envelope.
type marks struct {
	last map[string]Mark
	file *os.File
	size int64 // bytes of the file that hold marks
}

// openMarks reads the marks in dir. A last line without its end was being
// written when the power went; nothing was given out for it, so it is dropped.
// Anything else that does not read, or does not rise, stops the signer: with
// wrong marks it could give one number to two warrants. A missing file does
// too: whoever could delete it could make the signer forget.
func openMarks(dir string) (*marks, error) {
	m, err := readMarks(dir)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "marks.log")
	whole, err := lines(m.list())
	if err != nil {
		return nil, err
	}
	if err := writeFile(name, whole); err != nil {
		return nil, err
	}
	m.size = int64(len(whole))
	m.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("open marks: %w", err)
	}
	return m, nil
}

// readMarks changes nothing on the disk.
func readMarks(dir string) (*marks, error) {
	name := filepath.Join(dir, "marks.log")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, loa.Errorf(loa.NotFound, "signer.marks_lost").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	m := &marks{last: map[string]Mark{}}
	for line := range bytes.Lines(b) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		k, err := readMark(line)
		if err != nil {
			return nil, loa.Errorf(loa.Invalid, "signer.marks_damaged").Because(err)
		}
		if _, err := m.fresh([]Mark{k}); err != nil {
			return nil, loa.Errorf(loa.Invalid, "signer.marks_damaged").Because(err)
		}
		m.last[k.Name] = k
	}
	return m, nil
}

// markLine is a mark with a sum over it: a bit that turned in a number would
// otherwise read as another number.
type markLine struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
	Sum    string `json:"sum"` // the first 16 hex digits of SHA-256 of name, number and hash; "" in lines of an earlier version
}

func (k Mark) sum() string {
	return loa.Hash(fmt.Appendf(nil, "%s\n%d\n%s", k.Name, k.Number, k.Hash))[:16]
}

func readMark(line []byte) (Mark, error) {
	var l markLine
	if err := seal.Decode(line, maxMark, &l); err != nil {
		return Mark{}, err
	}
	k := Mark{l.Name, l.Number, l.Hash}
	if l.Sum != "" && l.Sum != k.sum() {
		return Mark{}, errors.New("the sum of a mark does not fit")
	}
	return k, nil
}

func lines(all []Mark) ([]byte, error) {
	var b []byte
	for _, k := range all {
		line, err := json.Marshal(markLine{k.Name, k.Number, k.Hash, k.sum()})
		if err != nil {
			return nil, fmt.Errorf("write marks: %w", err)
		}
		b = append(append(b, line...), '\n')
	}
	return b, nil
}

// list gives the marks in the order of their names.
func (m *marks) list() []Mark {
	all := make([]Mark, 0, len(m.last))
	for _, k := range m.last {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Mark) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// fresh gives those of the wanted marks that must be written down. A number
// that rises is fresh; the same number for the same payload was written before
// and gives the same envelope again; anything else is refused. An authenticator
// that never counts (most passkeys) says 0 every time and leaves no mark; one
// that once counted may not fall back to 0.
func (m *marks) fresh(wanted []Mark) ([]Mark, error) {
	var all []Mark
	for _, k := range wanted {
		last, known := m.last[k.Name]
		switch {
		case k.Name == "", !known && k.Number == 0:
		case k.Number > last.Number:
			all = append(all, k)
		case k.Number == last.Number && k.Hash == last.Hash:
		default:
			return nil, refusal(k)
		}
	}
	return all, nil
}

func refusal(k Mark) error {
	switch {
	case strings.HasPrefix(k.Name, nowMark):
		return loa.Errorf(loa.Conflict, "warrant.old_number", fmt.Sprint(k.Number))
	case strings.HasPrefix(k.Name, placementMark):
		return loa.Errorf(loa.Conflict, "placement.old_version", fmt.Sprint(k.Number))
	case strings.HasPrefix(k.Name, policyMark):
		return loa.Errorf(loa.Conflict, "policy.old_version", fmt.Sprint(k.Number))
	case strings.HasPrefix(k.Name, phrasesMark):
		return loa.Errorf(loa.Conflict, "phrases.old_version", fmt.Sprint(k.Number))
	default:
		return loa.Errorf(loa.Forbidden, "approval.replayed")
	}
}

// errStorage means that the disk did not do what it was told. What it holds now
// is unknown, so the signer ends and reads it again.
var errStorage = errors.New("not stored")

// add writes marks down; only after it has returned may an envelope go out.
func (m *marks) add(all []Mark) error {
	if len(all) == 0 {
		return nil
	}
	// gofail: var markWanted string
	// go panic(markWanted)
	// select {}
	b, err := lines(all)
	if err != nil {
		return err
	}
	_, err = m.file.Write(b)
	if err != nil && noRoom(err) && m.file.Truncate(m.size) == nil {
		return loa.Errorf(loa.Full, "db.full").Because(err) // as if it had not begun: a stop may find room again
	}
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		// Closed, so that no later mark lands behind half a line.
		return fmt.Errorf("%w: %w", errStorage, errors.Join(err, m.file.Close()))
	}
	m.size += int64(len(b))
	// gofail: var markKept string
	// go panic(markKept)
	// select {}
	for _, k := range all {
		m.last[k.Name] = k
	}
	return nil
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
