package form

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
)

func now() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, loa.Zone()) }

// TestFill reads pairs an official can read: what a body typed, what is made of it.
func TestFill(t *testing.T) {
	b, err := os.ReadFile("testdata/forms.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for p := range strings.SplitSeq(strings.TrimSuffix(string(b), "================\n"), "================\n") {
		in, want, found := strings.Cut(p, "----------\n")
		if !found {
			t.Fatalf("no line of hyphens in %q", p)
		}
		typed := map[string]string{}
		for l := range strings.Lines(in) {
			name, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
			typed[name] = value
		}
		k, ok := KindOf(typed["kind"])
		if !ok {
			t.Fatalf("no kind %q", typed["kind"])
		}
		var lines []string
		f, err := k.Fill(typed["by"], typed, now())
		if err != nil {
			lines = append(lines, "error: "+loa.KeyOf(err))
		} else {
			seen[k.Code] = true
			lines = append(lines, "title: "+f.Title, "text: "+f.Text, "until: "+f.Until.In(loa.Zone()).Format("2006-01-02 15:04"))
			for _, h := range f.Hints {
				lines = append(lines, "hint: "+h.Field+" "+h.Word)
			}
		}
		if diff := cmp.Diff(strings.TrimSpace(want), strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%s\n%s", in, diff)
		}
	}
	for _, k := range Kinds() {
		if !seen[k.Code] && k.Code != "water" { // the twin of power
			t.Errorf("no example of %s", k.Code)
		}
		if !slices.Contains(bulletin.Categories(), k.Category) || !slices.ContainsFunc(k.Fields, func(f Field) bool { return f.Name == k.Last }) {
			t.Errorf("%s: field of information %q, last %q", k.Code, k.Category, k.Last)
		}
	}
}

// FuzzFill holds that whatever is typed is refused with a sentence, or makes a
// text without control characters that ends in time.
func FuzzFill(f *testing.F) {
	f.Add("thợ may", "2", "nhanh nhẹn {{.by}}", "2026-12-05")
	f.Add("\u202e", "-1", strings.Repeat("ố", 201), "2026-13-45")
	f.Fuzz(func(t *testing.T, job, number, needs, last string) {
		k, _ := KindOf("recruitment")
		got, err := k.Fill("Cửa hàng", map[string]string{"employer": "Xưởng", "address": "thôn 1", "job": job, "number": number, "needs": needs, "last": last}, now())
		if err != nil {
			if loa.CodeOf(err) != loa.Invalid {
				t.Error(err)
			}
			return
		}
		if !got.Until.After(now()) || strings.ContainsAny(got.Text, "\n\x00\u202e") || got.Title == "" {
			t.Errorf("%+v", got)
		}
	})
}

// picture is 4 by 2 points, the first of them red.
func picture() *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			p.Set(x, y, color.White)
			if x < 8 && y < 8 {
				p.Set(x, y, color.RGBA{R: 255, A: 255})
			}
		}
	}
	return p
}

// withEXIF puts an EXIF part into a JPEG: an orientation, and a secret.
func withEXIF(b []byte, how byte) []byte {
	tiff := append([]byte("II*\x00\x08\x00\x00\x00\x01\x00"), 0x12, 0x01, 3, 0, 1, 0, 0, 0, how, 0, 0, 0, 0, 0, 0, 0)
	part := append([]byte("Exif\x00\x00"), append(tiff, "10.123456,106.654321 secret place"...)...)
	size := len(part) + 2
	return append(append(append([]byte{}, b[:2]...), append([]byte{0xff, 0xe1, byte(size >> 8), byte(size)}, part...)...), b[2:]...)
}

func TestPhoto(t *testing.T) {
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, picture(), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	red := func(p image.Image, x, y int) bool {
		r, g, _, _ := p.At(x, y).RGBA()
		return r > 0x8000 && g < 0x8000
	}
	for _, c := range []struct {
		how        byte
		wide, high int
		x, y       int // where the red corner is seen
	}{{1, 64, 32, 2, 2}, {3, 64, 32, 61, 29}, {6, 32, 64, 29, 2}, {8, 32, 64, 2, 61}, {9, 64, 32, 2, 2}} {
		got, err := Photo(withEXIF(plain.Bytes(), c.how))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(got, []byte("secret")) || bytes.Contains(got, []byte("Exif")) {
			t.Error("what came with the photo is still there")
		}
		p, err := jpeg.Decode(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		if p.Bounds().Dx() != c.wide || p.Bounds().Dy() != c.high || !red(p, c.x, c.y) {
			t.Errorf("orientation %d: %v, red at %d,%d: %t", c.how, p.Bounds(), c.x, c.y, red(p, c.x, c.y))
		}
	}
	var shot bytes.Buffer
	if err := png.Encode(&shot, picture()); err != nil {
		t.Fatal(err)
	}
	if got, err := Photo(shot.Bytes()); err != nil || !bytes.HasPrefix(got, []byte{0xff, 0xd8}) {
		t.Errorf("a PNG: %v", err)
	}
	gif, _ := base64.StdEncoding.DecodeString("R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
	huge := slices.Clone(shot.Bytes()) // a bomb: the header says 60,000 by 60,000
	copy(huge[16:24], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	for _, c := range []struct {
		name string
		b    []byte
		key  string
	}{
		{"nothing", nil, "photo.unknown"},
		{"a GIF", gif, "photo.unknown"},
		{"a page", []byte("<html><script>"), "photo.unknown"},
		{"half a JPEG", plain.Bytes()[:plain.Len()/2], "photo.unknown"},
		{"too many bytes", make([]byte, MaxPhoto+1), "photo.too_large"},
	} {
		if _, err := Photo(c.b); loa.KeyOf(err) != c.key {
			t.Errorf("%s: %v, want %s", c.name, err, c.key)
		}
	}
	if _, err := Photo(huge); loa.CodeOf(err) != loa.Invalid {
		t.Errorf("a bomb: %v", err)
	}
}

// FuzzPhoto holds that hostile bytes never do more than be refused.
func FuzzPhoto(f *testing.F) {
	var plain bytes.Buffer
	_ = jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 8, 8)), nil)
	f.Add(withEXIF(plain.Bytes(), 6))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x20Exif\x00\x00MM\x00*\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := Photo(b); err == nil {
			if _, err := jpeg.DecodeConfig(bytes.NewReader(got)); err != nil {
				t.Error("what was drawn anew is no picture:", err)
			}
		} else if loa.CodeOf(err) != loa.Invalid {
			t.Error(err)
		}
		orientation(b)
	})
}
