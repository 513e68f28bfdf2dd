package bulletin

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/wire"
)

// update writes testdata/arrange.txt anew; read the difference before you keep it.
//
//	go test ./bulletin -run TestArrange -update
var update = flag.Bool("update", false, "write testdata/arrange.txt")

// TestArrange reads what an official reads: a session's standing programme and
// bulletins, a line of dashes, and what people will hear at which second.
func TestArrange(t *testing.T) {
	const file = "testdata/arrange.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(string(b)), "\n==========\n")
	var fresh []string
	for _, c := range cases {
		in, want, _ := strings.Cut(c, "\n----------\n")
		name, rest, _ := strings.Cut(in, "\n")
		t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
			s, now := readSession(t, rest)
			before := slices.Clone(s.Items)
			got := say(s, s.Arrange(now), now)
			fresh = append(fresh, in+"\n----------\n"+got)
			if got != want && !*update {
				t.Errorf("%s\nis\n%s\nwant\n%s", in, got, want)
			}
			if !slices.EqualFunc(before, s.Items, func(a, b Item) bool { return a.Slot == b.Slot && a.Start == b.Start && a.MS == b.MS }) {
				t.Error("arranging changed the session")
			}
			again := s.Arrange(now)
			if say(s, again, now) != got {
				t.Error("arranged twice it differs")
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(fresh, "\n==========\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(cases) < 20 {
		t.Errorf("%d cases", len(cases))
	}
}

var itemLine = regexp.MustCompile(`^(nhạc hiệu|lời chào|nhạc|lời kết|lặng|chuông|tin|ưu tiên xã|ưu tiên tỉnh|ưu tiên Trung ương) ?([^\d]*?) ?(\d+)s(.*)$`)

func readSession(t *testing.T, text string) (s Session, now int64) {
	t.Helper()
	kinds := map[string]Kind{"nhạc hiệu": KindTune, "lời chào": KindGreeting, "nhạc": KindMusic, "lời kết": KindGoodbye, "lặng": KindSilence,
		"chuông": KindChime}
	s.aired = map[string]int64{}
	var chosen string
	for n, line := range strings.Split(text, "\n") {
		word := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "buổi "):
			s.Start, s.End = ms(word[1]+":00"), ms(word[2]+":00")
		case strings.HasPrefix(line, "lúc "):
			now = ms(word[1])
		case line == "bản tin":
			s.Standing = append(s.Standing, Item{Kind: KindBulletins})
		case line == "bỏ nhạc":
			s.NoMusic = true
		case strings.HasPrefix(line, "chọn "):
			chosen, s.Decided = strings.TrimPrefix(line, "chọn "), "Lê Thị Mận"
		case strings.HasPrefix(line, "tiếp sóng "):
			minutes, err := strconv.Atoi(word[3])
			if err != nil {
				t.Fatal(err)
			}
			s.Relays = append(s.Relays, Item{Kind: KindRelay, Title: "tiếp sóng", Start: ms(word[2] + ":00"), MS: int64(minutes) * 60_000})
		case strings.HasPrefix(line, "đang có "):
			seconds, err := strconv.Atoi(strings.TrimSuffix(word[3], "s"))
			if err != nil {
				t.Fatal(err)
			}
			s.taken = append(s.taken, Item{Title: "đang có", Start: ms(word[2]), MS: int64(seconds) * 1000})
		default:
			m := itemLine.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("what is %q?", line)
			}
			seconds, err := strconv.ParseInt(m[3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			it := Item{Title: strings.TrimSpace(m[2]), MS: seconds * 1000, Slot: fmt.Sprintf("slot %d", n), Position: int64(n)}
			if k, ok := kinds[m[1]]; ok {
				it.Kind, it.Title = k, m[1]
				if k == KindSilence {
					it.Slot = ""
				}
				if at, ok := strings.CutPrefix(strings.TrimSpace(m[4]), "đã từ "); ok {
					s.aired[it.Slot] = ms(at)
				}
				s.Standing = append(s.Standing, it)
				continue
			}
			it.Kind, it.Priority = KindBulletins, m[1] != "tin"
			it.Issuer = map[string]loa.Path{"tin": commune, "ưu tiên xã": commune, "ưu tiên tỉnh": "vn/98", "ưu tiên Trung ương": "vn"}[m[1]]
			for part := range strings.SplitSeq(m[4], ",") {
				part = strings.TrimSpace(part)
				switch {
				case part == "đọc 2 lần":
					it.Repeat, it.MS = 1, 2*it.MS+wire.Spacing
				case part == "có chuông":
					it.Chime = true
				case strings.HasPrefix(part, "đã từ "):
					it.Start = ms(strings.TrimPrefix(part, "đã từ "))
				case strings.HasPrefix(part, "không trước "):
					it.From = ms(strings.TrimPrefix(part, "không trước "))
				case strings.HasPrefix(part, "hết hạn "):
					it.Until = ms(strings.TrimPrefix(part, "hết hạn "))
				case strings.HasPrefix(part, "thứ tự "):
					p, err := strconv.ParseInt(strings.TrimPrefix(part, "thứ tự "), 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					it.Position = p
				case part != "":
					t.Fatalf("what is %q?", part)
				}
			}
			if it.Title == chosen {
				s.First = it.Slot
			}
			s.Items = append(s.Items, it)
		}
	}
	return s, now
}

// say writes a running order the way the page reads.
func say(s Session, o Running, now int64) string {
	var lines []string
	for _, it := range o.Items {
		lines = append(lines, fmt.Sprintf("%s %s, %d giây", time.UnixMilli(it.Start).In(loa.Zone()).Format("15:04:05"), it.Title, it.MS/1000))
	}
	if len(o.Items) == 0 {
		lines = append(lines, "không phát gì")
	}
	for _, it := range o.Out {
		lines = append(lines, "không vừa: "+it.Title)
	}
	if o.Over > 0 {
		lines = append(lines, fmt.Sprintf("quá %d giây", o.Over/1000))
	}
	for _, m := range s.Mends(now) {
		lines = append(lines, "cách: "+map[Mend]string{MendMusic: "bỏ nhạc", MendRepeat: "rút lần đọc thứ hai", MendMove: "dời tin sang buổi sau"}[m])
	}
	if o.Clash != nil {
		lines = append(lines, "chọn tin đọc trước: "+o.Clash[0].Title+" hay "+o.Clash[1].Title)
	}
	return strings.Join(lines, "\n")
}
