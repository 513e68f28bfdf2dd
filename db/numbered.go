package db

import (
	"strconv"
	"strings"
)

// numbered rewrites each `?` of q to `$1`, `$2` …, as PostgreSQL wants them,
// and leaves those inside 'text', "names", -- comments and /* comments */ alone.
func numbered(q string) string {
	if strings.IndexByte(q, '?') < 0 {
		return q
	}
	var b strings.Builder
	b.Grow(len(q) + 16)
	n := 0
	for i := 0; i < len(q); {
		if q[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			i++
			continue
		}
		end := i + quoted(q[i:])
		b.WriteString(q[i:end])
		i = end
	}
	return b.String()
}

// quoted is the length of the quotation or comment q starts with, 1 when it
// starts with none. A doubled quote inside a quotation reads as two quotations
// side by side, which comes to the same.
func quoted(q string) int {
	var closing string
	skip := 1
	switch {
	case q[0] == '\'' || q[0] == '"':
		closing = q[:1]
	case strings.HasPrefix(q, "--"):
		closing, skip = "\n", 2
	case strings.HasPrefix(q, "/*"):
		closing, skip = "*/", 2
	default:
		return 1
	}
	if i := strings.Index(q[skip:], closing); i >= 0 {
		return skip + i + len(closing)
	}
	return len(q)
}
