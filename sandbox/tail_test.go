package sandbox

import (
	"bytes"
	"testing"
)

func TestTail(t *testing.T) {
	var all bytes.Buffer
	var end tail
	for i := range 100 {
		p := bytes.Repeat([]byte{byte(i)}, 1<<(i%18))
		all.Write(p)
		if n, err := end.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write of %d = %d, %v", len(p), n, err)
		}
		if want := all.Bytes()[max(0, all.Len()-tailBytes):]; !bytes.Equal(end.b, want) {
			t.Fatalf("after %d bytes it holds other than the last %d", all.Len(), tailBytes)
		}
	}
}
