package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/lang"
	"loa/wire"
)

// What a large province keeps: enough that a page which reads a row too many
// for each row it shows is slow.
const (
	communes = 150
	hamlets  = 10 // of a commune
	boxesOf  = 20 // of a commune: 3,000 in all
	daysBack = 365
	perDay   = 2 // bulletins of a commune, each in one session, heard by all its boxes
)

// weighed are the main pages of the desk, as a commune's officer and as the
// province open them; %s is a bulletin that has played.
func weighed() []struct{ who, path string } {
	return []struct{ who, path string }{
		{"officer", "/"},
		{"province", "/"},
		{"officer", "/bulletins"},
		{"province", "/bulletins"},
		{"officer", "/bulletins/new"},
		{"officer", "/bulletins/%s"},
		{"officer", "/sessions"},
		{"province", "/approve"},
		{"officer", "/library"},
		{"officer", "/inbox"},
		{"province", "/speakers"},
		{"officer", "/poles/P00000"},
		{"officer", "/places"},
		{"province", "/people"},
		{"officer", "/log"},
		{"province", "/log"},
	}
}

// TestProvincePages measures the main pages with 150 communes, 3,000 speakers
// and a year of bulletins on both databases: how long the server takes, over
// loopback and signed in, and what a page weighs. It prints a table and judges
// nothing but that every page is answered: machines differ (make bench-pages).
func TestProvincePages(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("fills two databases with a year of a province: make bench-pages")
	}
	dbtest.EachURL(t, func(t *testing.T, url string) {
		b := openDeskOn(t, url, true)
		one := b.province()
		if b.db.Backend() == "postgres" { // a year does not come in minutes: the server would have tidied up and counted long ago
			own, err := pgx.Connect(t.Context(), url)
			b.ok(err)
			_, err = own.Exec(t.Context(), "VACUUM ANALYZE")
			b.ok(errors.Join(err, own.Close(t.Context())))
		}
		at := loa.Path("vn/98/98100")
		readers := map[string]*browser{
			"officer": b.browser(person("of98100", "Lê Thị Mận", at, loa.RightRead, loa.RightWrite, loa.RightDispatch, loa.RightSpeakers)),
			"province": b.browser(person("sovhttdl", "Hoàng Thị Sen", province, loa.RightRead, loa.RightWrite, loa.RightDispatch,
				loa.RightApprove, loa.RightSpeakers, loa.RightPeople)),
		}
		t.Logf("| page | reader | p50 | p95 | html | gzip |")
		for _, p := range weighed() {
			path := strings.ReplaceAll(p.path, "%s", one)
			var took []time.Duration
			var page answer
			for i := range 45 {
				began := time.Now()
				page = readers[p.who].get(path)
				if i >= 5 { // the first ones fill caches
					took = append(took, time.Since(began))
				}
			}
			if page.status != 200 {
				t.Errorf("GET %s as %s: %d %s", path, p.who, page.status, sentence(page.body))
			}
			slices.Sort(took)
			t.Logf("| %s | %s | %.1f ms | %.1f ms | %.1f KB | %.1f KB |", p.path, p.who, ms(took[len(took)/2]), ms(took[len(took)*95/100]),
				float64(len(page.body))/1000, float64(zipped(page.body))/1000)
		}
		t.Logf("beside every page, once: %s", readers["officer"].assets())
	})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func zipped(s string) int {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s)) // a buffer takes everything
	_ = z.Close()
	return b.Len()
}

var asset = regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`)

// assets says what the files weigh that a page asks for, which browsers keep.
func (p *browser) assets() string {
	var all []string
	for _, m := range asset.FindAllStringSubmatch(p.get("/bulletins/new").body, -1) {
		if body := p.get(m[1]).body; !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, m[1]+" ") }) {
			all = append(all, fmt.Sprintf("%s %.1f KB (gzip %.1f)", m[1], float64(len(body))/1000, float64(zipped(body))/1000))
		}
	}
	return strings.Join(all, ", ")
}

// province fills the database with a year of a large province, as rows, and
// returns a bulletin of the first commune that has played.
func (b *bureau) province() (one string) {
	b.t.Helper()
	began := time.Now()
	var list strings.Builder
	list.WriteString("path,code,parent,level,type,name,valid_from,valid_to,predecessors\n")
	for c := range communes {
		fmt.Fprintf(&list, "vn/98/98%d,98%d,vn/98,commune,xa,Xã số %d,2025-07-01,,\n", 100+c, 100+c, c+1)
		for h := range hamlets {
			fmt.Fprintf(&list, "vn/98/98%d/h/t%d,,vn/98/98%d,hamlet,thon,%d,2025-07-01,,\n", 100+c, h+1, 100+c, h+1)
		}
	}
	report, err := b.units.Import(b.t.Context(), loa.System(), strings.NewReader(list.String()), false)
	if err != nil {
		b.t.Fatal(err, report.Errors)
	}
	for c := range communes {
		commune := loa.Path(fmt.Sprintf("vn/98/98%d", 100+c))
		if c == 0 {
			b.openStation(commune)
		}
		b.ok(b.db.Write(b.t.Context(), func(tx *db.Tx) error { return b.year(tx, c, commune, &one) }))
	}
	b.t.Logf("%s: %d communes, %d speakers, %d bulletins, %d playbacks, filled in %s", b.db.Backend(), communes, communes*boxesOf,
		communes*perDay*daysBack, communes*perDay*daysBack*boxesOf, time.Since(began).Round(time.Second))
	return one
}

// year writes one commune's poles, boxes and bulletins of a year with their
// slots, dispatches and playbacks.
func (b *bureau) year(tx *db.Tx, c int, commune loa.Path, one *string) error {
	if _, err := tx.Exec(`INSERT INTO commune (path) VALUES (?) ON CONFLICT (path) DO NOTHING`, commune); err != nil {
		return err
	}
	now := tx.NowMS()
	hour := time.Hour.Milliseconds()
	day := 24 * hour
	var poles, boxes, health, bulletins, renditions, slots, dispatches, playbacks, messages [][]any
	var ids []string
	for i := range boxesOf {
		key := make([]byte, 32)
		key[0], key[1], key[2] = byte(c), byte(i), 1
		pole, box := fmt.Sprintf("pole%04d%02d", c, i), fmt.Sprintf("box%05d%02d", c, i)
		ids = append(ids, box)
		code, name := fmt.Sprintf("P%03d%02d", c, i), fmt.Sprintf("Cột %d", i+1)
		poles = append(poles, []any{pole, code, fmt.Sprintf("%s/h/t%d", commune, i%hamlets+1), name, lang.Fold(name + " " + code), fmt.Sprintf("Cột %02d", i+1), 2, 100, now - 400*day})
		boxes = append(boxes, []any{box, pole, commune, base64.StdEncoding.EncodeToString(key), "placed", 1, int64(perDay * daysBack), now - 400*day})
		seen := now - 30_000
		if i == boxesOf-1 && c%10 == 0 {
			seen = now - 5*day // one in two hundred has not been heard of for days
		}
		health = append(health, []any{box, seen, "idle", "", "", "", 80, int64(2e9), 150, "trusted", 1, "0.1", int64(86400)})
	}
	for d := range daysBack {
		for n := range perDay {
			id := fmt.Sprintf("%020d%03d%d", now-int64(daysBack-d)*day, c, n)
			start := now - int64(daysBack-d)*day + 12*hour + int64(n)*11*hour // the last one an hour ago
			title := fmt.Sprintf("Thông báo số %d ngày %d của xã", n+1, d)
			warrant := loa.Hash([]byte(id))
			bulletins = append(bulletins, []any{id, commune, "author", "Lê Thị Mận", "expired", string(wire.Normal), title, lang.Fold(title + " Kính mời bà con."), commune,
				start - day, start + day, 4, 28, 0, warrant, start - day, start})
			renditions = append(renditions, []any{id, 0, "vi", "text", "Kính mời bà con.", "Kính mời bà con.", "north", 0, "", "", "", loa.Hash([]byte("m")), 288000, 36000})
			session := time.UnixMilli(start).In(loa.Zone()).Format(time.DateOnly) + []string{"/morning", "/afternoon"}[n]
			slots = append(slots, []any{"s" + id, id, commune, session, 0, start, start, 36000})
			message := fmt.Sprintf(`{"commune":%q,"session":%q,"name":"Buổi sáng","start":%d,"items":1,"meant":%d,"played":%[4]d}`, commune, session, start, boxesOf)
			messages = append(messages, []any{commune, session, message, start + hour})
			dispatches = append(dispatches, []any{"d" + id, id, warrant, string(commune) + " 1", strings.Join(ids, "\n"), start - day})
			for i, box := range ids {
				receipt := loa.Hash([]byte(box + id))
				playbacks = append(playbacks, []any{box, int64(d*perDay + n + 1), "s" + id, warrant, id, start, start + int64(i), 36000, 900, 80, "played", "", "trusted", 1, "A", start + 60_000, receipt})
			}
			if c == 0 {
				*one = id
			}
		}
	}
	draft := fmt.Sprintf("%020d%03d9", now, c)
	bulletins = append(bulletins, []any{draft, commune, "author", "Lê Thị Mận", "draft", string(wire.Normal), "Họp thôn", lang.Fold("Họp thôn"), commune,
		now, now + day, 1, 1, 0, "", now, now})
	renditions = append(renditions, []any{draft, 0, "vi", "text", "Kính mời bà con.", "Kính mời bà con.", "north", 0, "", "", "", "", 0, 0})
	for _, t := range []struct {
		table   string
		columns string
		rows    [][]any
	}{
		{"pole", "id code path name name_fold name_sort horns cap created_at", poles},
		{"box", "id pole_id path public_key state version through made_at", boxes},
		{"health", "box_id at state slot warrant why volume disk_free offset_us clock plan version uptime", health},
		{"bulletin", "id path author author_name state class title title_fold scope from_ms until_ms plays_day plays repeat_count warrant made_at changed_at", bulletins},
		{"rendition", "bulletin_id position lang source text spoken accent speed voice spoken_by upload media media_bytes media_ms", renditions},
		{"slot", "id bulletin_id commune session priority position start_ms ms", slots},
		{"dispatch", "id bulletin_id warrant plans meant at", dispatches},
		{"playback", "box_id n slot warrant bulletin_id planned started ms skew_us volume result why clock verified degree received_at receipt", playbacks},
		{"session_message", "commune session data at", messages},
	} {
		if err := tx.Insert(t.table, strings.Fields(t.columns), t.rows); err != nil {
			return fmt.Errorf("%s: %w", t.table, err)
		}
	}
	return nil
}
