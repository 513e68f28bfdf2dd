package seal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
)

// MaxDocument is the size in bytes of the largest document but a plan.
const MaxDocument = 4 << 10

const maxDepth = 8 // objects and lists inside one another, the outermost counted

// Decode reads exactly one JSON object into v, a pointer to a struct, and
// refuses everything two readers could understand differently: a key twice, a
// key in another case, an unknown key outside "ignorable", null, a fraction, an
// integer of 2^53 or more, text that is not UTF-8 in form NFC, more than eight
// levels, more than limit bytes, anything after the end. encoding/json alone
// accepts most of these (`{"class":"normal","CLASS":"emergency"}` gives
// emergency), so documents are never read with it directly.
func Decode(b []byte, limit int, v any) error {
	if len(b) > limit {
		return loa.Errorf(loa.Invalid, "document.too_large", len(b), limit)
	}
	if !utf8.Valid(b) {
		return loa.Errorf(loa.Invalid, "document.not_utf8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := walk(dec, reflect.TypeOf(v).Elem(), "", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return loa.Errorf(loa.Invalid, "document.trailing")
	}
	if err := json.Unmarshal(b, v); err != nil {
		return malformed(err)
	}
	return nil
}

func malformed(err error) error {
	return loa.Errorf(loa.Invalid, "document.malformed").Because(err)
}

// walk checks one JSON value against the Go type that will hold it. t is nil
// below "ignorable", where any keys may stand but every other rule holds. depth
// is how many objects and lists stand around the value.
func walk(dec *json.Decoder, t reflect.Type, where string, depth int) error {
	tok, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	switch x := tok.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return loa.Errorf(loa.Invalid, "document.too_deep", strings.TrimPrefix(where, "."))
		}
		if x == '{' {
			return walkObject(dec, t, where, depth)
		}
		return walkArray(dec, t, where, depth)
	case string:
		if t != nil && t.Kind() != reflect.String && !isBytes(t) {
			return malformed(fmt.Errorf("%s: text not expected", where))
		}
		return checkText(x, where)
	case json.Number:
		if t != nil && !isInt(t) {
			return malformed(fmt.Errorf("%s: number not expected", where))
		}
		return checkInt(x, where)
	case bool:
		if t != nil && t.Kind() != reflect.Bool {
			return malformed(fmt.Errorf("%s: true or false not expected", where))
		}
		return nil
	default: // null
		return loa.Errorf(loa.Invalid, "document.null", strings.TrimPrefix(where, "."))
	}
}

func walkObject(dec *json.Decoder, t reflect.Type, where string, depth int) error {
	if t != nil && t.Kind() != reflect.Struct {
		return malformed(fmt.Errorf("%s: object not expected", where))
	}
	known := fields(t)
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		key, ok := tok.(string)
		if !ok {
			return malformed(fmt.Errorf("%s: key is not text", where))
		}
		if err := checkText(key, where); err != nil {
			return err
		}
		at := where + "." + key
		if seen[key] {
			return loa.Errorf(loa.Invalid, "document.duplicate_key", strings.TrimPrefix(at, "."))
		}
		seen[key] = true
		ft, ok := known[key]
		if t != nil && !ok {
			return loa.Errorf(loa.Invalid, "document.unknown_key", strings.TrimPrefix(at, "."))
		}
		if err := walk(dec, ft, at, depth+1); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	return nil
}

func walkArray(dec *json.Decoder, t reflect.Type, where string, depth int) error {
	if t != nil && (t.Kind() != reflect.Slice || isBytes(t)) {
		return malformed(fmt.Errorf("%s: list not expected", where))
	}
	var et reflect.Type
	if t != nil {
		et = t.Elem()
	}
	for dec.More() {
		if err := walk(dec, et, where, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed(err)
	}
	return nil
}

// fields are a struct's JSON keys, letter by letter, and what each holds: nil
// for "ignorable". There are none when t is nil.
func fields(t reflect.Type) map[string]reflect.Type {
	if t == nil {
		return nil
	}
	known := make(map[string]reflect.Type, t.NumField())
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Type == reflect.TypeFor[json.RawMessage]():
			known[name] = nil
		case f.Type.Kind() == reflect.Pointer:
			known[name] = f.Type.Elem()
		default:
			known[name] = f.Type
		}
	}
	return known
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

func isInt(t reflect.Type) bool {
	return t.Kind() == reflect.Int || t.Kind() == reflect.Int64
}

func checkText(s, where string) error {
	if strings.ContainsRune(s, utf8.RuneError) || !norm.NFC.IsNormalString(s) {
		return loa.Errorf(loa.Invalid, "document.not_nfc", strings.TrimPrefix(where, "."))
	}
	return nil
}

func checkInt(n json.Number, where string) error {
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || i >= 1<<53 || i <= -(1<<53) || n.String() == "-0" {
		return loa.Errorf(loa.Invalid, "document.number", strings.TrimPrefix(where, "."))
	}
	return nil
}
