package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"loa"
)

// MaxBatch is how many documents one approval may stand for: more than a
// station's day has, few enough to be listed under one button.
const MaxBatch = 64

// batchHead opens every batch and nothing else: every other document that is
// approved is one JSON object and begins with a brace, so an assertion over the
// one can never pass for an assertion over the other.
const batchHead = "loa batch 1 "

// Batch writes the bytes that stand for several documents of one type under one
// assertion ("duyệt cả buổi"): a first line that says what it is and of which
// type, then the SHA-256 of each payload, sorted, one a line. There is one form
// and no other, so the same documents are always the same bytes.
func Batch(payloadType string, hashes []string) ([]byte, error) {
	sorted := slices.Clone(hashes)
	slices.Sort(sorted)
	b := fmt.Appendf(nil, "%s%s\n", batchHead, payloadType)
	for _, h := range sorted {
		b = fmt.Appendf(b, "%s\n", h)
	}
	_, err := ReadBatch(b, payloadType)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// ReadBatch gives the hashes in a batch of documents of that type: between 1 and
// MaxBatch, sorted, none twice, and not a byte besides.
func ReadBatch(b []byte, payloadType string) (hashes []string, err error) {
	rest, ours := bytes.CutPrefix(b, []byte(batchHead))
	if !ours {
		return nil, malformed("batch", "head")
	}
	rest, ours = bytes.CutPrefix(rest, []byte(payloadType+"\n"))
	if !ours {
		return nil, malformed("batch", "type")
	}
	const line = 64 + 1
	if len(rest) == 0 || len(rest)%line != 0 {
		return nil, malformed("batch", "lines")
	}
	if len(rest)/line > MaxBatch {
		return nil, loa.Errorf(loa.Invalid, "batch.too_many", len(rest)/line, MaxBatch)
	}
	last := ""
	for l := range bytes.Lines(rest) {
		hash, ended := strings.CutSuffix(string(l), "\n")
		if !ended || !loa.IsHash(hash) {
			return nil, malformed("batch", "hash")
		}
		if hash <= last {
			return nil, malformed("batch", "order")
		}
		hashes, last = append(hashes, hash), hash
	}
	return hashes, nil
}
