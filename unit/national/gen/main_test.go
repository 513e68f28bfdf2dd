package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testdata/address.json has the package's shape with invented places: names in
// decomposed form, a curly apostrophe, a former commune without a code.
func TestBuild(t *testing.T) {
	address, err := os.ReadFile("testdata/address.json")
	if err != nil {
		t.Fatal(err)
	}
	units, predecessors, err := build(address, []byte(head+
		"wards,98011,code,98011,98012,why\n"+
		"wards,98012,alias,,98011,why\n"+
		"wards,98002,type,xa,phuong,why\n"+
		"provinces,98,type,tinh,thanh_pho,why\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unitsHead+
		"code,province_code,type,name,alias\n"+
		"98,,thanh_pho,Lam Xuyên,\n"+
		"99,,thanh_pho,Nguyệt Giang,\n"+
		"98002,98,phuong,Kim M'Ruối,\n"+
		"98012,98,xa,Đồng Sậy,98011\n"+
		"99028,99,dac_khu,Cồn Sếu,\n", string(units)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(predecessorsHead+
		"code,name,successor\n"+
		"97001,thị trấn Đồng Rạ,98012\n"+
		"97002,xã An Lộc Thượng,98012\n", string(predecessors)); diff != "" {
		t.Error(diff)
	}
}

const head = "table,key,field,was,becomes,reason\n"

func TestBuildRefuses(t *testing.T) {
	address, err := os.ReadFile("testdata/address.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, address, corrections, want string
	}{
		{"a correction that is no longer needed", "", head + "wards,98002,type,phuong,xa,why\n", `is "xa", not "phuong"`},
		{"a correction of nothing", "", head + "wards,00000,type,xa,phuong,why\n", "has no row 00000"},
		{"a correction without law", "", head + "wards,98002,type,xa,phuong,\n", "reason in law"},
		{"a code twice", "", head + "wards,98002,code,98002,98011,why\n", "98011 is taken"},
		{"a successor that does not exist", "", head + "ward_mappings,97001,successor,98011,97777,why\n", "97777, which is not in the list"},
		{"another heading", "", "table,key\n", "first line"},
		{"an unknown type of commune", `[{"name":"wards","data":[{"ward_code":"98001","name":"Huyện Sậy"}]}]`, head, "unknown type"},
		{"an unknown type of province", `[{"name":"provinces","data":[{"province_code":"98","place_type":"Kỳ"}]}]`, head, "unknown type"},
		{"a row twice", `[{"name":"wards","data":[{"ward_code":"98001","name":"Xã A"},{"ward_code":"98001","name":"Xã B"}]}]`, head, "comes twice"},
		{"a row without a code", `[{"name":"wards","data":[{"name":"Xã A"}]}]`, head, "is empty"},
		{"an unknown table", `[{"name":"districts","data":[{}]}]`, head, "unknown table"},
		{"no JSON", `x`, head, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := []byte(c.address)
			if c.address == "" {
				in = address
			}
			_, _, err := build(in, []byte(c.corrections))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a sentence with %q", err, c.want)
			}
		})
	}
}
