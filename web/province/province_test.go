package province_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"loa"
	"loa/people"
	"loa/web/province"
)

// crooked is an issuer that signs whatever a test tells it: what an attacker, or
// a wrong setting, could put before us.
type crooked struct {
	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey
	other  *ecdsa.PrivateKey // a key it does not publish
	claims map[string]any    // of the next token
	sign   func(claims map[string]any) string
	status int    // of the token endpoint
	asked  string // of whom the issuer speaks when asked
}

func open(t *testing.T) (*crooked, *province.Provider) {
	t.Helper()
	c := &crooked{t: t, status: http.StatusOK}
	c.key, c.other = newKey(t), newKey(t)
	mux := http.NewServeMux()
	c.server = httptest.NewServer(mux)
	t.Cleanup(c.server.Close)
	say := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the asker is the test
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{"issuer": c.server.URL, "authorization_endpoint": c.server.URL + "/auth", "token_endpoint": c.server.URL + "/token",
			"jwks_uri": c.server.URL + "/keys", "userinfo_endpoint": c.server.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{"sub": c.asked, "email": "man.lt@lamxuyen.example", "email_verified": true})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		say(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") == "authorization_code" && r.FormValue("code_verifier") == "" {
			t.Error("no proof of possession comes with the code (RFC 7636)")
		}
		if c.status != http.StatusOK {
			w.WriteHeader(c.status)
			say(w, map[string]string{"error": "invalid_grant"})
			return
		}
		answer := map[string]any{"access_token": "a", "token_type": "Bearer", "refresh_token": "r2"}
		if c.claims != nil {
			answer["id_token"] = c.sign(c.claims)
		}
		say(w, answer)
	})
	return c, &province.Provider{Name: "tỉnh", Issuer: c.server.URL, ID: "loa", Secret: "s", Return: "https://loa.example/sign-in/province/callback",
		Client: http.DefaultClient, Clock: loa.NewHandClock(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC))}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// by signs with a key.
func (c *crooked) by(key *ecdsa.PrivateKey) func(map[string]any) string {
	return func(claims map[string]any) string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "one"))
		if err != nil {
			c.t.Fatal(err)
		}
		raw, err := jwt.Signed(s).Claims(claims).Serialize()
		if err != nil {
			c.t.Fatal(err)
		}
		return raw
	}
}

// TestBegin: the address holds state, nonce and the S256 challenge, and the
// secret of none of them but the state.
func TestBegin(t *testing.T) {
	_, p := open(t)
	address, state, q, err := p.Begin(t.Context(), "/bulletins")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	v := u.Query()
	if v.Get("state") != state || v.Get("nonce") != q.Nonce || v.Get("code_challenge_method") != "S256" || v.Get("response_type") != "code" ||
		v.Get("redirect_uri") != p.Return || !strings.Contains(v.Get("scope"), "openid") || strings.Contains(address, q.Verifier) || q.Next != "/bulletins" {
		t.Errorf("the address is %s", address)
	}
	_, again, other, err := p.Begin(t.Context(), "/")
	if err != nil || again == state || other.Nonce == q.Nonce || other.Verifier == q.Verifier {
		t.Error("two sign-ins share a secret")
	}
}

// TestRedeemRefuses is every lie an issuer, or somebody between, could tell.
func TestRedeemRefuses(t *testing.T) {
	c, p := open(t)
	now := p.Clock.Now()
	q := people.Question{Nonce: "n-1", Verifier: strings.Repeat("v", 43)}
	good := func() map[string]any {
		return map[string]any{"iss": c.server.URL, "aud": "loa", "sub": "u-7", "nonce": "n-1", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
			"email": "Man.LT@LamXuyen.example", "email_verified": true}
	}
	with := func(key string, v any) map[string]any {
		m := good()
		if v == nil {
			delete(m, key)
		} else {
			m[key] = v
		}
		return m
	}
	unsigned := func(claims map[string]any) string {
		parts := strings.Split(c.by(c.key)(claims), ".")
		return "eyJhbGciOiJub25lIn0." + parts[1] + "."
	}
	for _, x := range []struct {
		name   string
		claims map[string]any
		sign   func(map[string]any) string
		status int
		key    string
	}{
		{"good", good(), nil, 200, ""},
		{"verified in words", with("email_verified", "true"), nil, 200, ""},
		{"for two, us among them", with("aud", []string{"other", "loa"}), nil, 200, ""},
		{"another sign-in's nonce", with("nonce", "n-2"), nil, 200, "people.province_bad"},
		{"no nonce", with("nonce", nil), nil, 200, "people.province_bad"},
		{"for another site", with("aud", "other"), nil, 200, "people.province_bad"},
		{"expired", with("exp", now.Add(-time.Minute).Unix()), nil, 200, "people.province_bad"},
		{"without an end", with("exp", nil), nil, 200, "people.province_bad"},
		{"by another issuer", with("iss", "https://elsewhere.example"), nil, 200, "people.province_bad"},
		{"signed by another key", good(), c.by(c.other), 200, "people.province_bad"},
		{"not signed at all", good(), unsigned, 200, "people.province_bad"},
		{"rubbish", good(), func(map[string]any) string { return "x.y.z" }, 200, "people.province_bad"},
		{"no token of who it is", nil, nil, 200, "people.province_bad"},
		{"a code that was used", good(), nil, 400, "people.province_bad"},
		{"an issuer out of breath", good(), nil, 500, "people.province_away"},
		{"an issuer that says not so fast", good(), nil, 429, "people.province_away"},
	} {
		c.claims, c.sign, c.status = x.claims, x.sign, x.status
		if c.sign == nil {
			c.sign = c.by(c.key)
		}
		id, err := p.Redeem(t.Context(), "code", q)
		got := ""
		if err != nil {
			got = loa.KeyOf(err)
		}
		if got != x.key {
			t.Errorf("%s: %q, want %q (%v)", x.name, got, x.key, err)
		}
		if x.key == "" && (id.Subject != "u-7" || id.Issuer != c.server.URL || !id.Verified || id.Refresh != "r2") {
			t.Errorf("%s: %+v", x.name, id)
		}
	}
	for _, v := range []any{false, "false", nil, 1} {
		c.claims, c.sign, c.status = with("email_verified", v), c.by(c.key), 200
		if id, err := p.Redeem(t.Context(), "code", q); err != nil || id.Verified {
			t.Errorf("email_verified %v counts as verified: %+v, %v", v, id, err)
		}
	}
	c.claims, c.asked = with("email", nil), "u-7"
	delete(c.claims, "email_verified")
	if id, err := p.Redeem(t.Context(), "code", q); err != nil || !id.Verified || id.Email != "man.lt@lamxuyen.example" {
		t.Errorf("an address said when asked: %+v, %v", id, err)
	}
	c.asked = "u-8"
	if _, err := p.Redeem(t.Context(), "code", q); loa.KeyOf(err) != "people.province_bad" {
		t.Errorf("an issuer that speaks of somebody else: %v", err)
	}
	c.status = 400
	if _, err := p.Still(t.Context(), "r1"); loa.KeyOf(err) != "people.province_gone" {
		t.Errorf("a leaver: %v", err)
	}
	c.status = 503
	if _, err := p.Still(t.Context(), "r1"); loa.KeyOf(err) != "people.province_away" {
		t.Errorf("an issuer that is down: %v", err)
	}
	c.status, c.claims = 200, nil
	if next, err := p.Still(t.Context(), "r1"); err != nil || next != "r2" {
		t.Errorf("still there: %q, %v", next, err)
	}
	c.server.Close()
	if _, err := p.Still(t.Context(), "r1"); loa.KeyOf(err) != "people.province_away" {
		t.Errorf("an issuer that is gone: %v", err)
	}
}
