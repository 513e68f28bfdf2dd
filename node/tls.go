package node

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"loa"
)

// filesBeside is how many files a process needs beside its devices: pages,
// database, sounds, children.
const filesBeside = 1000

// room is how many devices fit: those wanted, unless the process may not open so
// many files. A door keeps an eighth more for those who are signing in.
func (c Config) room(log *slog.Logger) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return c.Devices
	}
	fit := max(1, (int(min(limit.Cur, maxNumber*2))-filesBeside)*8/9)
	if fit < c.Devices {
		log.Warn("fewer devices fit than wanted: the process may not open more files",
			slog.Int("fit", fit), slog.Int("wanted", c.Devices), slog.Uint64("files", limit.Cur))
	}
	return min(fit, c.Devices)
}

// ticketDays is how many days a device may stay away and still resume its TLS
// session.
const ticketDays = 3

// tls is what pages and doors are secured with, nil for nothing.
//
// A server that was killed must not greet ten thousand devices with ten thousand
// full handshakes: the keys of session tickets are derived from the certificate's
// own key and the day, so a restart keeps them and processes side by side share
// them. In TLS 1.3 a resumed session still makes a secret of its own, so whoever
// steals the key later reads nothing old; in TLS 1.2 it would not, so there are
// no tickets there.
func (c Config) tls(clock loa.Clock) (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("read certificate's key: %w", err)
	}
	plain := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}
	t := &tickets{base: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: plain.Certificates}, key: bytes.TrimSpace(key), clock: clock}
	chosen := plain.Clone()
	chosen.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
			return plain, nil
		}
		return t.today()
	}
	return chosen, nil
}

// tickets is a configuration whose ticket keys change with the day.
type tickets struct {
	base  *tls.Config
	key   []byte
	clock loa.Clock

	mu  sync.Mutex
	day int64
	now *tls.Config
}

func (t *tickets) today() (*tls.Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	day := t.clock.Now().Unix() / int64(24*time.Hour/time.Second)
	if t.now != nil && day == t.day {
		return t.now, nil
	}
	keys, err := ticketKeys(t.key, day)
	if err != nil {
		return nil, err
	}
	c := t.base.Clone()
	c.SetSessionTicketKeys(keys)
	t.day, t.now = day, c
	return c, nil
}

// ticketKeys are those of a day, which seal, and of the days before, which only
// open.
func ticketKeys(key []byte, day int64) (keys [][32]byte, err error) {
	for back := range int64(ticketDays) {
		b, err := hkdf.Key(sha256.New, key, nil, "loa session tickets "+strconv.FormatInt(day-back, 10), 32)
		if err != nil {
			return nil, fmt.Errorf("derive ticket keys: %w", err)
		}
		keys = append(keys, [32]byte(b))
	}
	return keys, nil
}
