package form

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // phones' pictures of a screen

	"loa"
)

// Bounds of a photo as it comes in.
const (
	MaxPhoto  = 8 << 20    // bytes
	maxPixels = 16_000_000 // what a phone's camera makes
)

// Photo draws a picture anew: the same to look at, and without what came with it
// (place, camera, hidden bytes). It takes JPEG and PNG.
// Errors: photo.too_large, photo.unknown.
func Photo(b []byte) ([]byte, error) {
	if len(b) > MaxPhoto {
		return nil, loa.Errorf(loa.Invalid, "photo.too_large", MaxPhoto>>20)
	}
	head, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || format != "jpeg" && format != "png" {
		return nil, loa.Errorf(loa.Invalid, "photo.unknown").Because(err)
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return nil, loa.Errorf(loa.Invalid, "photo.too_large", MaxPhoto>>20)
	}
	picture, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, loa.Errorf(loa.Invalid, "photo.unknown").Because(err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, upright(picture, orientation(b)), &jpeg.Options{Quality: 82}); err != nil {
		return nil, loa.Errorf(loa.Invalid, "photo.unknown").Because(err)
	}
	return out.Bytes(), nil
}

// turned is a picture seen as the camera was held: EXIF orientations 3, 6 and 8,
// the three that phones write. It copies nothing.
type turned struct {
	image.Image
	how int
}

// upright turns a picture as its orientation says.
func upright(p image.Image, how int) image.Image {
	if how != 3 && how != 6 && how != 8 {
		return p
	}
	return turned{p, how}
}

// Bounds is the picture's size after turning.
func (t turned) Bounds() image.Rectangle {
	b := t.Image.Bounds()
	if t.how == 3 {
		return image.Rect(0, 0, b.Dx(), b.Dy())
	}
	return image.Rect(0, 0, b.Dy(), b.Dx())
}

// At is the colour at a place after turning.
func (t turned) At(x, y int) color.Color {
	b := t.Image.Bounds()
	switch t.how {
	case 3:
		x, y = b.Dx()-1-x, b.Dy()-1-y
	case 6: // the camera's right was up
		x, y = y, b.Dy()-1-x
	case 8:
		x, y = b.Dx()-1-y, x
	}
	return t.Image.At(b.Min.X+x, b.Min.Y+y)
}

// orientation reads the EXIF orientation (tag 0x0112) of a JPEG, 1 where there
// is none.
func orientation(b []byte) int {
	for at := 2; at+4 <= len(b) && b[at] == 0xff && b[at+1] != 0xda; {
		size := int(b[at+2])<<8 | int(b[at+3])
		end := min(at+2+size, len(b))
		if b[at+1] == 0xe1 && end-at > 18 && string(b[at+4:at+10]) == "Exif\x00\x00" {
			return tag(b[at+10 : end])
		}
		at += 2 + size
	}
	return 1
}

// tag reads the orientation from a TIFF header and its first directory.
func tag(b []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if len(b) < 8 {
		return 1
	}
	if string(b[:2]) == "II" {
		order = binary.LittleEndian
	}
	dir := int(order.Uint32(b[4:]))
	if dir < 8 || dir > len(b)-2 {
		return 1
	}
	for i := range int(order.Uint16(b[dir:])) {
		e := dir + 2 + 12*i
		if e+12 > len(b) {
			break
		}
		if order.Uint16(b[e:]) == 0x0112 {
			return int(order.Uint16(b[e+8:]))
		}
	}
	return 1
}
