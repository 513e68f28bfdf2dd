package edge

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClone: a copy of the state holds all of it and shares nothing that a change
// could reach, whatever fields come later.
func TestClone(t *testing.T) {
	s := &state{}
	fill(reflect.ValueOf(s).Elem())
	c := s.clone()
	if diff := cmp.Diff(s, c); diff != "" {
		t.Fatal(diff)
	}
	apart(t, "state", reflect.ValueOf(s).Elem(), reflect.ValueOf(c).Elem())
}

// fill puts something into every field.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k)
		fill(e)
		v.SetMapIndex(k, e)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 4))
		fill(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("a field of a kind the test does not fill: " + v.Kind().String())
	}
}

func apart(t *testing.T, name string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			apart(t, name+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Map, reflect.Slice, reflect.Pointer:
		if a.UnsafePointer() == b.UnsafePointer() {
			t.Errorf("%s is shared", name)
		}
		if a.Kind() == reflect.Map {
			for _, k := range a.MapKeys() {
				apart(t, name+"[]", a.MapIndex(k), b.MapIndex(k))
			}
		}
		if a.Kind() == reflect.Pointer {
			apart(t, name, a.Elem(), b.Elem())
		}
	}
}
