package form

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"loa"
	"loa/lang"
	"loa/voice"
)

// Filled is a form turned into a notice.
type Filled struct {
	Kind   string
	Values map[string]string // as typed, cleaned
	Title  string
	Text   string
	Until  time.Time // not played at or after
	Hints  []Hint    // what does not belong into such a notice
}

// Hint is a word in a field that its kind has no room for: pay in a
// recruitment, which the officer is told of.
type Hint struct{ Field, Word string }

var (
	phoneForm = regexp.MustCompile(`^\+?\d[\d .-]{5,18}\d$`)
	address   = regexp.MustCompile(`(?i)https?:|www\.|\.(com|vn|net|org)\b`)
)

// adverts are words of advertising, folded: a notice with one is refused.
func adverts() []string {
	return []string{"khuyen mai", "giam gia", "uu dai", "gia re", "gia chi", "mua ngay", "chiet khau", "qua tang kem", "hot nhat", "so mot viet nam"}
}

// pay are words of pay, folded: in a recruitment they are pointed out.
func pay() []string {
	return []string{"luong", "thuong", "thu nhap", "phu cap", "trieu dong", "hoa hong", "dong/thang"}
}

// Fill turns what a body typed into a title, a text and its last moment. by is
// the name of who sends.
// Errors: form.missing, form.long, form.number, form.day, form.clock,
// form.phone, form.advert, form.order, form.over, and those of package voice.
func (k Kind) Fill(by string, typed map[string]string, now time.Time) (Filled, error) {
	f := Filled{Kind: k.Code, Values: map[string]string{}}
	said := map[string]string{"by": by}
	moments := map[string]time.Time{}
	for _, field := range k.Fields {
		value := strings.Join(strings.Fields(typed[field.Name]), " ")
		if value == "" {
			if field.Extra {
				said[field.Name] = ""
				continue
			}
			return f, loa.Errorf(loa.Invalid, "form.missing", "field."+field.Name)
		}
		clean, err := voice.Clean(value)
		if err != nil {
			return f, err
		}
		f.Values[field.Name] = clean
		spoken, at, err := field.read(clean)
		if err != nil {
			return f, err
		}
		said[field.Name], moments[field.Name] = spoken, at
		if field.Type == Words {
			if err := plain(field, clean); err != nil {
				return f, err
			}
			if k.Code == "recruitment" {
				f.Hints = append(f.Hints, found(field.Name, clean, pay())...)
			}
		}
	}
	for _, pair := range [][2]string{{"begins", "ends"}, {"first", "last"}, {"opens", "closes"}} {
		a, b := moments[pair[0]], moments[pair[1]]
		if !a.IsZero() && !b.IsZero() && b.Before(a) || pair[0] != "first" && !a.IsZero() && a.Equal(b) {
			return f, loa.Errorf(loa.Invalid, "form.order", "field."+pair[0], "field."+pair[1])
		}
	}
	f.Until = moments[k.Last]
	if !slices.ContainsFunc(k.Fields, func(x Field) bool { return x.Name == k.Last && x.Type == Moment }) {
		f.Until = f.Until.AddDate(0, 0, 1) // the whole of its day
	}
	if !f.Until.After(now) || f.Until.After(now.AddDate(0, 0, 365)) {
		return f, loa.Errorf(loa.Invalid, "form.over", "field."+k.Last)
	}
	var err error
	if f.Title, err = put(k.Title, said); err != nil {
		return f, err
	}
	if r := []rune(f.Title); len(r) > 80 {
		f.Title = strings.TrimSpace(string(r[:79])) + "…"
	}
	f.Text, err = put(k.Text, said)
	return f, err
}

// put fills a template of ours.
func put(text string, said map[string]string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("read form: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, said); err != nil {
		return "", fmt.Errorf("fill form: %w", err)
	}
	return out.String(), nil
}

// read checks one value and gives it as people write it, with the moment it
// names if it names one.
func (f Field) read(value string) (said string, at time.Time, err error) {
	label := "field." + f.Name
	in := func(layout, out string) (string, time.Time, error) {
		t, err := time.ParseInLocation(layout, value, loa.Zone())
		if err != nil {
			return "", t, loa.Errorf(loa.Invalid, "form.day", label)
		}
		return t.Format(out), t, nil
	}
	switch f.Type {
	case Number:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 99_999 {
			return "", at, loa.Errorf(loa.Invalid, "form.number", label)
		}
		return strconv.Itoa(n), at, nil
	case Day:
		return in(time.DateOnly, "02/01/2006")
	case Clock:
		return in("15:04", "15h04")
	case Moment:
		return in("2006-01-02T15:04", "15h04 ngày 02/01/2006")
	case Phone:
		if !phoneForm.MatchString(value) {
			return "", at, loa.Errorf(loa.Invalid, "form.phone", label)
		}
		return value, at, nil
	}
	if utf8.RuneCountInString(value) > f.Max {
		return "", at, loa.Errorf(loa.Invalid, "form.long", label, f.Max)
	}
	return strings.TrimRight(value, ".;, "), at, nil
}

// plain refuses what no field has room for: advertising and addresses of pages.
func plain(f Field, value string) error {
	if all := found(f.Name, value, adverts()); len(all) > 0 {
		return loa.Errorf(loa.Invalid, "form.advert", "field."+f.Name, all[0].Word)
	}
	if at := address.FindString(value); at != "" {
		return loa.Errorf(loa.Invalid, "form.advert", "field."+f.Name, at)
	}
	return nil
}

// found lists which of some folded words a text has.
func found(field, text string, words []string) (all []Hint) {
	folded := lang.Fold(text)
	for _, w := range words {
		if found := strings.Contains(folded, w); found {
			all = append(all, Hint{field, w})
		}
	}
	return all
}
