package signer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

func framed(body string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestReadFrame(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"a request", framed(`{"do":"seal","type":"t","payload":"AQI=","approvals":[]}`), nil},
		{"nothing", nil, io.EOF},
		{"half a length", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"half a body", framed(`{"do":"seal"}`)[:8], io.ErrUnexpectedEOF},
		{"longer than allowed", []byte{0, 1, 0, 1}, loa.Errorf("", "signer.too_large")},
		{"four gigabytes", []byte{255, 255, 255, 255}, loa.Errorf("", "signer.too_large")},
		{"empty", framed(""), loa.Errorf("", "document.malformed")},
		{"no object", framed(`7`), loa.Errorf("", "document.malformed")},
		{"a key twice", framed(`{"do":"roster","do":"seal"}`), loa.Errorf("", "document.duplicate_key")},
		{"another case", framed(`{"Do":"seal"}`), loa.Errorf("", "document.unknown_key")},
		{"null", framed(`{"do":null}`), loa.Errorf("", "document.null")},
		{"two objects", framed(`{}{}`), loa.Errorf("", "document.trailing")},
		{"payload no base64", framed(`{"payload":"?"}`), loa.Errorf("", "document.malformed")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var req request
			if err := readFrame(bytes.NewReader(c.in), maxRequest, &req); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(framed(`{"do":"seal","type":"t","payload":"AQI=","approvals":[{"credential":"a","authenticator_data":"b","client_data":"c","signature":"d"}]}`))
	f.Add(framed(`{"do":"describe"}`))
	f.Add([]byte{0, 0, 0, 200, '{'})
	f.Fuzz(func(t *testing.T, in []byte) {
		var req request
		if readFrame(bytes.NewReader(in), maxRequest, &req) != nil {
			return
		}
		// What was read means the same when it is written and read again.
		var out bytes.Buffer
		if err := writeFrame(&out, 2*maxRequest, req); err != nil {
			t.Fatal(err)
		}
		var again request
		if err := readFrame(&out, 2*maxRequest, &again); err != nil {
			t.Fatal(err)
		}
		if len(req.Approvals) == 0 {
			req.Approvals = nil
		}
		if len(req.Payload) == 0 {
			req.Payload = nil
		}
		if diff := cmp.Diff(req, again); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWriteFrameRefusesWhatNobodyReads(t *testing.T) {
	var out bytes.Buffer
	err := writeFrame(&out, maxRequest, request{Payload: make([]byte, maxRequest), Approvals: []wire.Approval{}})
	if !errors.Is(err, loa.Errorf("", "signer.too_large")) || out.Len() > 0 {
		t.Errorf("wrote %d bytes: %v", out.Len(), err)
	}
}
