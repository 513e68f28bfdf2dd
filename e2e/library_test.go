package e2e_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loa/db"
	"loa/e2e"
	"loa/wire"
)

// TestLibrary: a station makes Loa's own melody its tune, finds it again, and
// uses last year's notice of this season in two taps.
func TestLibrary(t *testing.T) {
	t.Parallel()
	town := e2e.Start(t, e2e.Options{})
	author := town.Author
	author.At(town.Servers[0])
	status, page := author.Post("/library/own", url.Values{"kind": {"tune"}, "path": {string(e2e.Commune)}})
	upload := regexp.MustCompile(`name="upload" value="(\w+)"`).FindStringSubmatch(page)
	if status != http.StatusOK || upload == nil || !strings.Contains(page, `name="role" value="tune"`) {
		t.Fatalf("%d, upload %v", status, upload)
	}
	status, to := author.Post("/bulletins", url.Values{"path": {string(e2e.Commune)}, "title": {"Nhạc hiệu Đài Đồng Sậy"}, "upload": {upload[1]},
		"role": {"tune"}, "class": {"normal"}, "scope": {string(e2e.Commune)}, "do": {"submit"}})
	if status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, to)
	}
	id := strings.TrimPrefix(to, "/bulletins/")
	b, err := town.Flow().Find(t.Context(), author.Actor(), id)
	if err != nil || b.Role != wire.Tune || b.Main().Machine() || b.MS() < 8000 {
		t.Fatalf("%+v, %v", b, err)
	}
	for _, address := range []string{"/library?role=tune", "/library?text=nhac+hieu"} {
		if status, page = author.Get(address); status != http.StatusOK || !strings.Contains(page, "Nhạc hiệu Đài Đồng Sậy") {
			t.Errorf("%s: %d, and no tune on it", address, status)
		}
	}

	old, err := author.Write("Phun thuốc khử khuẩn", "Ngày mai phun thuốc khử khuẩn tại thôn 1.")
	if err != nil {
		t.Fatal(err)
	}
	const year = 365 * 24 * 3600 * 1000
	err = town.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE bulletin SET made_at = made_at - ?, until_ms = until_ms - ?, state = 'expired' WHERE id = ?`, year, year, old)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, page = author.Get("/library"); status != http.StatusOK || !strings.Contains(page, "Phun thuốc khử khuẩn") || strings.Contains(page, "Nhạc hiệu Đài") {
		t.Errorf("season: %d, without last year's notice, or with this year's tune", status)
	}
	status, to = author.Post("/bulletins/"+old+"/again", nil)
	copied := strings.TrimSuffix(strings.TrimPrefix(to, "/bulletins/"), "/edit")
	if status != http.StatusSeeOther || copied == old {
		t.Fatalf("%d %s", status, to)
	}
	if status, to = author.Post("/bulletins/"+copied+"/submit", nil); status != http.StatusSeeOther {
		t.Errorf("the copy: %d %s", status, to)
	}
}
