package people

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/lang"
)

// What one guess costs: OWASP's second choice for argon2id, about 25 ms, and
// 19 MiB so that a morning's sign-ins fit into a small machine. A stored hash
// names its own cost, so these can grow without locking anybody out.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltLen   = 16
	hashLen   = 32
)

// Lengths of a password in characters; the upper one bounds the work.
const (
	passwordMin = 10
	passwordMax = 200
)

// decoy is the hash of no password, at the usual cost: an unknown login costs
// the same time as a known one, so it cannot be told by the clock.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// worst are passwords of ten or more characters that are tried first here,
// folded. Shorter ones are refused for their length.
var worst = []string{
	"0123456789", "1234567890", "12345678910", "123456789a", "a123456789", "abc123456789", "0987654321",
	"9876543210", "1122334455", "1234512345", "123123123123", "123456123456", "password123", "password1234",
	"matkhau123", "matkhau1234", "matkhau123456", "mat khau 123", "admin12345", "admin123456", "administrator", "qwertyuiop",
	"qwerty12345", "qwerty123456", "1q2w3e4r5t", "1qaz2wsx3edc", "iloveyou123", "anhyeuem123", "emyeuanh123",
	"toiyeuvietnam", "vietnam123", "vietnam123456", "vietnam2025", "vietnam2026", "hanoi123456", "saigon123456",
	"truyenthanh", "loaphuong123", "ubnd123456", "ubnd@12345",
}

// checkPassword refuses a password that is too short, too long, the login
// itself, one character over and over, or among the worst. Nothing else: rules
// about digits and capitals make passwords that are written on paper (NIST SP
// 800-63B, 3.1.1.2). login is folded.
func checkPassword(login, password string) error {
	switch n := utf8.RuneCountInString(norm.NFC.String(password)); {
	case n < passwordMin:
		return loa.Errorf(loa.Invalid, "people.password_short", passwordMin)
	case n > passwordMax:
		return loa.Errorf(loa.Invalid, "people.password_long", passwordMax)
	}
	fold := lang.Fold(password)
	if strings.TrimSpace(fold) == login {
		return loa.Errorf(loa.Invalid, "people.password_login")
	}
	first, _ := utf8.DecodeRuneInString(fold)
	if slices.Contains(worst, fold) || strings.Trim(fold, string(first)) == "" {
		return loa.Errorf(loa.Invalid, "people.password_common")
	}
	return nil
}

// hashPassword is argon2id (RFC 9106) as a PHC string.
func hashPassword(password string) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	key := argon2.IDKey(passwordBytes(password), salt, passes, memoryKiB, lanes, hashLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// isPassword reports whether the PHC string is that of the password. The
// string is ours, from our own table.
func isPassword(phc, password string) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, fmt.Errorf("read password hash: not argon2id, version %d", argon2.Version)
	}
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	if t < 1 || p < 1 || len(want) < saltLen {
		return false, fmt.Errorf("read password hash: t=%d, p=%d, %d bytes", t, p, len(want))
	}
	got := argon2.IDKey(passwordBytes(password), salt, t, m, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// passwordBytes is what is hashed: NFC (RFC 8265), because keyboards for
// Vietnamese send "ậ" in different ways and the person sees the same letter.
func passwordBytes(password string) []byte { return []byte(norm.NFC.String(password)) }
