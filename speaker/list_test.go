package speaker_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/speaker"
)

// TestCount holds the sums, and each list of one state, to what Standing says of
// every pole by itself: they are counted the short way.
func TestCount(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		register := &speaker.Register{DB: n.db}
		n.ok(n.write(func(tx *db.Tx) error {
			now := tx.NowMS()
			for i := range 64 {
				path, id := dongSay, fmt.Sprintf("%02d", i)
				if i%5 == 0 {
					path = benMai
				}
				if err := tx.Insert("pole", []string{"id", "code", "path", "name", "name_fold", "name_sort", "horns", "cap", "created_at"},
					[][]any{{"pole" + id, "P" + id, path, "Cột " + id, lang.Fold("Cột " + id), "cột " + id, 2, 100, now}}); err != nil {
					return err
				}
				if i%2 == 0 {
					if err := tx.Insert("mute", []string{"id", "commune", "pole", "from_ms", "until_ms", "reason", "who", "who_name", "made_at"}, [][]any{
						{"m" + id, path, "P" + id, now - 1000, now + int64(i%4)*1000, "tang", "a", "A", now},
					}); err != nil {
						return err
					}
				}
				for b, state := range [][]string{{}, {"placed"}, {"waiting"}, {"placed", "placed"}, {"revoked", "placed"}}[i%5] {
					box := fmt.Sprintf("box%s%d", id, b)
					key := make([]byte, 32)
					key[0], key[1] = byte(i), byte(b)
					if err := tx.Insert("box", []string{"id", "pole_id", "path", "public_key", "state", "version", "made_at", "stale"}, [][]any{
						{box, "pole" + id, path, base64.StdEncoding.EncodeToString(key), state, 1, now, i / 8 % 2},
					}); err != nil {
						return err
					}
					at, says := []int64{0, now - speaker.Silent, now - speaker.Silent + 1, now - 10*speaker.Silent, now}[(i/4+b)%5], []string{"idle", "sounding"}[i/16%2]
					if err := tx.Insert("health", []string{"box_id", "at", "state", "slot", "warrant", "why", "volume", "disk_free", "offset_us", "clock", "plan", "version", "uptime"},
						[][]any{{box, at, says, "", "", "", 80, 0, 0, "trusted", 1, "", 0}}); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		for _, place := range []loa.Path{province, dongSay, benMai, "vn/98/98011/h/t1"} {
			want := speaker.Sums{By: map[string]int{}}
			listed := map[string][]string{}
			for _, state := range speaker.States() {
				want.By[state], listed[state] = 0, nil
			}
			all, err := register.Poles(t.Context(), speaker.PoleQuery{Place: place, Limit: 500})
			n.ok(err)
			for _, s := range all {
				want.Poles, want.Horns = want.Poles+1, want.Horns+s.Horns
				is := []string{s.State(n.now())}
				if s.Stale {
					is = append(is, speaker.Unsealed)
				}
				for _, state := range is {
					want.By[state]++
					listed[state] = append(listed[state], s.Code)
				}
			}
			got, err := register.Count(t.Context(), place)
			n.ok(err)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", place, d)
			}
			for _, state := range speaker.States() {
				some, err := register.Poles(t.Context(), speaker.PoleQuery{Place: place, State: state, Limit: 500})
				n.ok(err)
				var codes []string
				for _, s := range some {
					codes = append(codes, s.Code)
				}
				if d := cmp.Diff(listed[state], codes); d != "" {
					t.Errorf("%s, %s: %s", place, state, d)
				}
			}
			if place == province {
				t.Logf("%v", got.By)
			}
		}
	})
}
