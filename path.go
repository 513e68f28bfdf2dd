package loa

import "strings"

// Path is the address of a place: "vn", then the province's code, then the
// commune's, then our own "h/<id>" (hamlet, former commune) or "z/<id>" (zone).
// A commune's code does not contain its province's, so rights, delegations,
// scopes and topics all use paths, and paths are compared segment by segment:
// "vn/0" does not cover "vn/01".
type Path string

const maxPath = 128

// ParsePath checks that s is a path: 1 to 8 segments of a-z, 0-9 and "-",
// the first of them "vn" or another country's two letters, 128 bytes at most.
func ParsePath(s string) (Path, error) {
	bad := Errorf(Invalid, "path.malformed", s)
	if s == "" || len(s) > maxPath {
		return "", Errorf(Invalid, "path.malformed", Clip(s))
	}
	segments := strings.Split(s, "/")
	if len(segments) > 8 || len(segments[0]) != 2 {
		return "", bad
	}
	for _, seg := range segments {
		if seg == "" {
			return "", bad
		}
		for i := range len(seg) {
			c := seg[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return "", bad
			}
		}
	}
	return Path(s), nil
}

// Covers reports whether q is p or lies below it, comparing whole segments.
func (p Path) Covers(q Path) bool {
	if p == "" {
		return false
	}
	return p == q || strings.HasPrefix(string(q), string(p)+"/")
}

// Parent is the path one segment shorter, "" above the country. The markers
// "h" and "z" are not places, so the parent of "vn/01/00004/h/x" is the commune.
func (p Path) Parent() Path {
	i := strings.LastIndexByte(string(p), '/')
	if i < 0 {
		return ""
	}
	q := p[:i]
	if strings.HasSuffix(string(q), "/h") || strings.HasSuffix(string(q), "/z") {
		return q[:len(q)-2]
	}
	return q
}

// Up lists p and every place above it, the nearest first.
func (p Path) Up() []Path {
	var all []Path
	for q := p; q != ""; q = q.Parent() {
		all = append(all, q)
	}
	return all
}

// Commune is the first three segments: the unit whose plan, beacon and topics
// reach a device at p. It is "" for a province or the country.
func (p Path) Commune() Path {
	n := 0
	for i := range len(p) {
		if p[i] == '/' {
			n++
			if n == 3 {
				return p[:i]
			}
		}
	}
	if n == 2 {
		return p
	}
	return ""
}

// String is the path as text.
func (p Path) String() string { return string(p) }
