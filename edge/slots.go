package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"loa"
)

// slots is one value in two files, name.a and name.b, each with its checksum and
// a counter. A value counts as written only once both files hold it, each forced
// to the disk before the other is touched. So at any moment one file is whole; a
// power cut leaves the last value or the one being written; and a file that rots
// later takes nothing away, because the other says the same. Only the loss of
// both is a loss, and it is seen (decision 0038).
type slots struct {
	disk  disk
	name  string
	count uint64  // of the last value written, or half written
	next  int     // the file to write first: the one that is not whole
	made  [2]bool // its name is in the folder for good
}

var slotNames = [2]string{".a", ".b"}

// maxSlot bounds what is read: more is no value of ours.
const maxSlot = 16 << 20

// encodeSlot writes the SHA-256 of the rest, the counter, the value.
func encodeSlot(count uint64, value []byte) []byte {
	rest := append(strconv.AppendUint(nil, count, 10), '\n')
	rest = append(rest, value...)
	return append([]byte(loa.Hash(rest)+"\n"), rest...)
}

// decodeSlot reads what encodeSlot wrote and nothing else.
func decodeSlot(b []byte) (count uint64, value []byte, err error) {
	sum, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(sum) != loa.Hash(rest) {
		return 0, nil, loa.Errorf(loa.Internal, "state.damaged")
	}
	head, value, _ := bytes.Cut(rest, []byte("\n"))
	count, err = strconv.ParseUint(string(head), 10, 64)
	if err != nil || strconv.FormatUint(count, 10) != string(head) {
		return 0, nil, loa.Errorf(loa.Internal, "state.damaged")
	}
	return count, value, nil
}

// load is the newest whole value: nil if there never was one, an error if there
// was and both files are damaged.
func (s *slots) load() (value []byte, err error) {
	none, found := 0, false
	for i, suffix := range slotNames {
		b, err := readFile(s.disk, s.name+suffix)
		s.made[i] = err == nil
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
			none++
			continue
		}
		if err != nil || len(b) > maxSlot {
			continue // a file the disk cannot read is a damaged one
		}
		count, v, err := decodeSlot(b)
		if err != nil {
			continue
		}
		if !found || count > s.count {
			value, s.count, s.next, found = v, count, 1-i, true
		}
	}
	if !found && none < len(slotNames) {
		return nil, loa.Errorf(loa.Internal, "state.damaged")
	}
	return value, nil
}

// store writes a value into both files. After an error the value may be found
// at the next start or not; the file that is whole is not touched again before
// the other is.
func (s *slots) store(value []byte) error {
	s.count++
	b := encodeSlot(s.count, value)
	for range slotNames {
		if err := s.write(s.next, b); err != nil {
			return err
		}
		s.next = 1 - s.next
	}
	return nil
}

func (s *slots) write(i int, b []byte) error {
	f, err := s.disk.open(s.name+slotNames[i], os.O_RDWR|os.O_CREATE)
	if err != nil {
		return diskError(err)
	}
	if _, err = f.WriteAt(b, 0); err == nil {
		if err = f.Truncate(int64(len(b))); err == nil {
			err = f.Sync()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return diskError(err)
	}
	if s.made[i] {
		return nil
	}
	if err := s.disk.sync(""); err != nil {
		return diskError(fmt.Errorf("sync folder: %w", err))
	}
	s.made[i] = true
	return nil
}
