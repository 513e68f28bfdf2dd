package node

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/door"
)

// Config is everything a server is told, from the environment alone. A field's
// tag names its variable; docs/config.md explains each.
type Config struct {
	Dir        string        `env:"LOA_DIR"`              // folder of everything kept
	Database   string        `env:"LOA_DATABASE"`         // sqlite:/folder/loa.db or postgres://…
	NATS       string        `env:"LOA_NATS"`             // nats://a:4222,…; empty for one process
	HTTP       string        `env:"LOA_HTTP"`             // address of pages and device calls
	MQTT       string        `env:"LOA_MQTT"`             // address of the device door
	Doors      string        `env:"LOA_DOORS"`            // MQTT addresses devices are told, with commas
	Origin     string        `env:"LOA_ORIGIN"`           // what people type, "https://loa.tinh.gov.vn"
	Blobs      string        `env:"LOA_BLOBS"`            // folder of sounds, shared by all processes
	Keys       string        `env:"LOA_KEYS"`             // folder of dispatch.key, beacon.key, root.json
	Signer     string        `env:"LOA_SIGNER"`           // socket of loa sign; empty: a child is started
	SignerDir  string        `env:"LOA_SIGNER_DIR"`       // folder of the child signer
	TLSCert    string        `env:"LOA_TLS_CERT"`         // PEM file; empty: plain, behind a balancer
	TLSKey     string        `env:"LOA_TLS_KEY"`          // PEM file
	Proxies    string        `env:"LOA_PROXIES"`          // addresses that are believed about whom a request comes from, with commas
	OIDCIssuer string        `env:"LOA_OIDC_ISSUER"`      // the province's own sign-in; empty: none
	OIDCClient string        `env:"LOA_OIDC_CLIENT"`      // this site's name there
	OIDCSecret string        `env:"LOA_OIDC_SECRET_FILE"` // file with what proves it
	OIDCName   string        `env:"LOA_OIDC_NAME"`        // on the button
	Lead       time.Duration `env:"LOA_LEAD"`             // how far ahead phát ngay starts
	Flush      time.Duration `env:"LOA_BEAT_FLUSH"`       // how often beats are written
	KeepSound  int           `env:"LOA_KEEP_SOUND"`       // months that sound is kept after it last could be heard
	Devices    int           `env:"LOA_DEVICES"`          // connected to this process at once
	SignIns    int           `env:"LOA_SIGN_INS"`         // devices taken in each second
	// Speech; empty is espeak-ng alone.
	VoiceEngine   string `env:"LOA_VOICE_ENGINE"`             // espeak-ng, command or fpt
	VoiceFallback string `env:"LOA_VOICE_FALLBACK"`           // espeak-ng; empty: what fails, fails
	VoiceCommand  string `env:"LOA_VOICE_COMMAND"`            // a program and its arguments
	VoiceLabel    string `env:"LOA_VOICE_LABEL"`              // names the program and its voice model
	VoiceURL      string `env:"LOA_VOICE_URL"`                // of the service; empty: its own
	VoiceCallback string `env:"LOA_VOICE_CALLBACK"`           // this node as the service reaches it
	VoiceKey      string `env:"LOA_VOICE_KEY,secret"`         // of the account at the service
	Passphrase    string `env:"LOA_SIGNER_PASSPHRASE,secret"` // handed to the child signer
}

// maxNumber bounds LOA_DEVICES and LOA_SIGN_INS: more than one process can hold.
const maxNumber = 1_000_000

// Months of LOA_KEEP_SOUND: as usual, and at most.
const (
	keepSound    = 24
	maxKeepSound = 600
)

// FromEnv reads the configuration and fills what is left out.
func FromEnv(getenv func(string) string) (Config, error) {
	c := Config{Dir: "loa-data", HTTP: "127.0.0.1:8080", MQTT: "127.0.0.1:1883", Lead: 10 * time.Second, Flush: 5 * time.Second, KeepSound: keepSound}
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("env"), ",")
		s := getenv(name)
		if s == "" {
			continue
		}
		if v.Field(i).Type() == reflect.TypeFor[time.Duration]() {
			d, err := time.ParseDuration(s)
			if err != nil || d <= 0 {
				return c, loa.Errorf(loa.Invalid, "config.duration", name, s)
			}
			v.Field(i).SetInt(int64(d))
			continue
		}
		if v.Field(i).Kind() == reflect.Int {
			key, most := "config.months", maxKeepSound
			if name != "LOA_KEEP_SOUND" {
				key, most = "config.number", maxNumber
			}
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > most {
				return c, loa.Errorf(loa.Invalid, key, name, most, s)
			}
			v.Field(i).SetInt(int64(n))
			continue
		}
		v.Field(i).SetString(s)
	}
	return c.Filled()
}

// Filled completes a configuration from the folder and addresses it names.
func (c Config) Filled() (Config, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, fmt.Errorf("find folder: %w", err)
	}
	c.Dir = dir
	if c.KeepSound == 0 {
		c.KeepSound = keepSound
	}
	if c.Devices == 0 {
		c.Devices = door.DefaultDevices
	}
	if c.SignIns == 0 {
		c.SignIns = door.DefaultSignIns
	}
	for _, f := range []struct {
		of    *string
		usual string
	}{
		{&c.Database, "sqlite:" + filepath.Join(dir, "loa.db")},
		{&c.Blobs, filepath.Join(dir, "blobs")},
		{&c.Keys, filepath.Join(dir, "keys")},
		{&c.SignerDir, filepath.Join(dir, "signer")},
		{&c.Origin, "http://localhost:" + port(c.HTTP)},
	} {
		if *f.of == "" {
			*f.of = f.usual
		}
	}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c, loa.Errorf(loa.Invalid, "config.origin", c.Origin)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return c, loa.Errorf(loa.Invalid, "config.tls")
	}
	if _, err := c.proxies(); err != nil {
		return c, err
	}
	if c.OIDCIssuer != "" {
		u, err := url.Parse(c.OIDCIssuer)
		secure := err == nil && (u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"))
		if !secure || c.OIDCClient == "" || c.OIDCSecret == "" {
			return c, loa.Errorf(loa.Invalid, "config.oidc")
		}
	}
	if c.Database != "" && strings.HasPrefix(c.Database, "sqlite:") && c.NATS != "" {
		return c, loa.Errorf(loa.Invalid, "config.sqlite_is_one_process")
	}
	return c, nil
}

// proxies are the addresses and networks of LOA_PROXIES.
func (c Config) proxies() (all []netip.Prefix, err error) {
	for s := range strings.SplitSeq(c.Proxies, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if a, one := netip.ParseAddr(s); one == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, loa.Errorf(loa.Invalid, "config.proxies", s)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// RPID is the host name passkeys are bound to.
func (c Config) RPID() string {
	u, err := url.Parse(c.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Print writes the configuration with its secrets hidden, for loa doctor.
func (c Config) Print(w io.Writer) error {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name, secret, _ := strings.Cut(v.Type().Field(i).Tag.Get("env"), ",")
		s := fmt.Sprint(v.Field(i).Interface())
		if secret != "" && s != "" {
			s = hidden(s)
		}
		s = redacted(s)
		if _, err := fmt.Fprintf(w, "%-22s %s\n", name, s); err != nil {
			return err
		}
	}
	return nil
}

func hidden(s string) string { return "(" + strconv.Itoa(len(s)) + " characters)" }

// redacted takes the passwords out of addresses with commas between. What looks
// like one and cannot be read is not shown at all.
func redacted(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	all := strings.Split(s, ",")
	for i, a := range all {
		u, err := url.Parse(a)
		if err != nil || u.Scheme == "" || strings.Contains(u.RawQuery, "password") {
			return hidden(s)
		}
		all[i] = u.Redacted()
	}
	return strings.Join(all, ",")
}

func port(address string) string {
	i := strings.LastIndexByte(address, ':')
	return address[i+1:]
}
