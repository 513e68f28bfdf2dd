package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"loa"
	"loa/wire"
)

// TestNowhere is S-16: words for nowhere, for a place that is not there, or for a
// place where nobody hears are refused wherever they are tried: at the page, by
// the signer, and by the speaker. Nothing means everywhere by being left out.
func TestNowhere(t *testing.T) {
	b := openDesk(t, true)
	man, khoi := b.browser(writer()), b.browser(chair())
	box := b.placed(thon1, "Đình làng")
	n := notice()
	n.Scope = []loa.Path{thon1}
	read := func(t *testing.T, payload []byte) wire.Warrant {
		t.Helper()
		w, err := wire.ReadWarrant(payload)
		b.ok(err)
		return w
	}
	const thon2 = loa.Path("vn/98/98011/h/t2") // nobody hears there

	t.Run("the page", func(t *testing.T) {
		kept := man.led("/bulletins", composed(), "/bulletins/")
		for _, c := range []struct {
			name   string
			scope  []string
			status int
			key    string
		}{
			{"no place at all", nil, http.StatusUnprocessableEntity, "scope.empty"},
			{"an empty place", []string{""}, http.StatusNotFound, "unit.unknown"},
			{"everything", []string{"*"}, http.StatusNotFound, "unit.unknown"},
			{"a pattern", []string{"vn/98/+"}, http.StatusNotFound, "unit.unknown"},
			{"a hamlet that is not there", []string{"vn/98/98011/h/t9"}, http.StatusNotFound, "unit.unknown"},
			{"a place and one that is not there", []string{string(thon1), "vn/98/98011/h/t9"}, http.StatusNotFound, "unit.unknown"},
			{"nearly a place", []string{string(thon1) + "/"}, http.StatusNotFound, "unit.unknown"},
			{"a place in capitals", []string{strings.ToUpper(string(thon1))}, http.StatusNotFound, "unit.unknown"},
			{"the neighbour", []string{string(benMai)}, http.StatusForbidden, "scope.outside"},
			{"the country", []string{"vn"}, http.StatusForbidden, "scope.outside"},
		} {
			for _, at := range []string{"/bulletins", kept + "/edit"} {
				for _, do := range []string{"save", "submit"} {
					form := composed("do", do)
					form["scope"] = c.scope
					before, drafts := len(b.book()), b.count(`SELECT COUNT(*) FROM bulletin`)
					if status, key := man.fault(at, form); status != c.status || key != c.key {
						t.Errorf("%s (%s, %s): %d %s, want %d %s", c.name, at, do, status, key, c.status, c.key)
					}
					if len(b.book()) != before || b.count(`SELECT COUNT(*) FROM bulletin`) != drafts {
						t.Errorf("%s (%s, %s): something was written", c.name, at, do)
					}
				}
			}
		}
		// The sentence says what to do, and nothing typed is lost.
		form := composed("title", "Tên đã gõ")
		form.Del("scope")
		if a := man.post("/bulletins", form); !strings.Contains(a.body, "Xin chọn ít nhất một nơi phát.") || !strings.Contains(a.body, "Tên đã gõ") {
			t.Errorf("nowhere: %d %s", a.status, a.body)
		}
	})

	t.Run("where nobody hears", func(t *testing.T) {
		at := man.led("/bulletins", composed("scope", string(thon2), "do", "submit"), "/bulletins/")
		id := strings.TrimPrefix(at, "/bulletins/")
		khoi.led(at+"/hear", url.Values{"payload": {loa.Hash(b.bulletin(id).Payload)}, "how": {"read"}}, at)
		khoi.led(at+"/approve", url.Values{}, at)
		before := len(b.book())
		if status, key := man.fault(at+"/now", nil); status != http.StatusConflict || key != "schedule.nobody" {
			t.Errorf("played where nobody hears: %d %s", status, key)
		}
		if n := b.count(`SELECT COUNT(*) FROM slot`); n != 0 || len(b.book()) != before {
			t.Errorf("%d slots, and the book says %v", n, b.book()[before:])
		}
		b.placed(thon2, "Cột thôn hai") // from now on somebody does
		man.led(at+"/now", nil, at)
	})

	t.Run("the signer", func(t *testing.T) {
		w := read(t, b.submitted(n).Payload)
		for name, scope := range map[string][]wire.Place{
			"no place at all": {}, "none": nil, "an empty place": {{}}, "a pattern": {{Path: "vn/98/+"}}, "the neighbour": {{Path: benMai}},
			"a place and the neighbour": {{Path: thon1}, {Path: benMai}}, "the country": {{Path: "vn"}},
		} {
			w.Scope = scope
			payload, err := wire.Encode(w)
			if err != nil {
				continue // it cannot even be written
			}
			if sealed, err := b.signer.Seal(t.Context(), wire.WarrantType, payload, []wire.Approval{b.yes(chair(), payload)}); err == nil {
				t.Errorf("%s: sealed %d bytes", name, len(sealed))
			}
		}
	})

	t.Run("the speaker", func(t *testing.T) {
		p := b.placement(box.ID)
		w := read(t, b.submitted(n).Payload)
		slot := wire.Slot{ID: "s", Warrant: loa.Hash(nil), Start: w.From}
		if !wire.ForMe(slot, w, p) {
			t.Fatal("its own hamlet is not for it: the rest proves nothing")
		}
		for name, scope := range map[string][]wire.Place{"no place at all": {}, "none": nil, "an empty place": {{}}, "a pattern": {{Path: "*"}},
			"a hamlet that is not there": {{Path: "vn/98/98011/h/t9"}}, "nearly its own": {{Path: thon1 + "0"}}} {
			w.Scope = scope
			if wire.ForMe(slot, w, p) {
				t.Errorf("%s: it would sound", name)
			}
			if payload, err := wire.Encode(w); err == nil {
				if _, err := wire.ReadWarrant(payload); err == nil && name != "a hamlet that is not there" && name != "nearly its own" {
					t.Errorf("%s: it is read", name)
				}
			}
		}
	})
}
