package sound

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopy has another program read the tag back and play what stands behind it.
func TestCopy(t *testing.T) {
	frames := bytes.Repeat(append([]byte{0xff, 0xfb, 0x58, 0xc4}, make([]byte, 284)...), 40)
	copied := Copy(frames, Tags{Title: "Thông báo cắt điện 😀", Comment: "Giọng đọc tổng hợp / synthetic speech", Encoder: "Loa"})
	if !bytes.HasSuffix(copied, frames) || len(copied) == len(frames) {
		t.Fatal("the sound itself is not whole behind its tag")
	}
	file := filepath.Join(t.TempDir(), "copy.mp3")
	if err := os.WriteFile(file, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format struct {
			Tags map[string]string `json:"tags"`
		} `json:"format"`
		Streams []struct {
			Codec string `json:"codec_name"`
			Rate  string `json:"sample_rate"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	tags := got.Format.Tags
	if tags["title"] != "Thông báo cắt điện 😀" || !strings.Contains(tags["comment"], "Giọng đọc tổng hợp / synthetic speech") || tags["encoded_by"] != "Loa" {
		t.Errorf("read back: %v", tags)
	}
	if len(got.Streams) != 1 || got.Streams[0].Codec != "mp3" || got.Streams[0].Rate != "32000" {
		t.Errorf("streams: %+v", got.Streams)
	}
}
