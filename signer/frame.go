package signer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"loa"
	"loa/seal"
	"loa/wire"
)

// The largest messages in bytes. A request comes from whoever reaches the
// socket, so it is small; a reply comes from the signer and may list every
// speaker of a province.
const (
	maxRequest = 64 << 10
	maxReply   = 16 << 20
)

// The things one can ask.
const (
	doSeal         = "seal"
	doRoster       = "roster"
	doChangeRoster = "roster.change"
	doDescribe     = "describe"
	doDelegate     = "delegate"
	doGrant        = "grant"
	doEndGrant     = "grant.end"
	doSucceed      = "root.succeed"
	doRenew        = "renew"
)

// request is one question: a connection carries one, and its reply.
type request struct {
	Do        string          `json:"do"`
	Type      string          `json:"type,omitempty"`
	Payload   []byte          `json:"payload,omitempty"` // base64
	Approvals []wire.Approval `json:"approvals,omitempty"`
}

// reply is the answer: a refusal when Code is set.
type reply struct {
	Code     loa.Code  `json:"code,omitempty"`
	Key      string    `json:"key,omitempty"`
	Args     []string  `json:"args,omitempty"`
	Envelope []byte    `json:"envelope,omitempty"` // base64
	Roster   *Roster   `json:"roster,omitempty"`
	Info     *Info     `json:"info,omitempty"`
	Renewed  []Renewed `json:"renewed,omitempty"`
}

// readFrame reads one message: four bytes of length, big-endian, then one JSON
// object, read strictly. Nothing larger than limit is even allocated.
func readFrame(r io.Reader, limit int, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(limit) {
		return loa.Errorf(loa.Invalid, "signer.too_large")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	return seal.Decode(b, limit, v)
}

// writeFrame writes what readFrame reads, in one piece.
func writeFrame(w io.Writer, limit int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	if len(b) > limit {
		return loa.Errorf(loa.Invalid, "signer.too_large")
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	if _, err := w.Write(append(frame, b...)); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}
