// Package province is the province's own sign-in: OpenID Connect Core 1.0, the
// code flow with PKCE (RFC 7636), state and nonce. It says who somebody is at
// the issuer; whether that is anybody here is package people's to say.
package province

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"loa"
	"loa/people"
)

// Provider is one issuer. Its fields are set before it is used; it is asked for
// its addresses and keys when somebody signs in, so that a server starts while
// the issuer is down.
type Provider struct {
	Name   string // on the button: "tài khoản công vụ tỉnh Lam Xuyên"
	Issuer string
	ID     string // of this client
	Secret string
	Return string // the address the issuer sends browsers back to
	Client *http.Client
	Clock  loa.Clock

	mu    sync.Mutex
	found *oidc.Provider
}

// patience is how long the issuer may take to answer.
const patience = 10 * time.Second

// Begin makes the address to send a browser to, and what must be kept until it
// comes back: state for the browser, the question for the register.
func (p *Provider) Begin(ctx context.Context, next string) (address, state string, q people.Question, err error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", "", q, err
	}
	state = random()
	q = people.Question{Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: next}
	return p.config(found).AuthCodeURL(state, oidc.Nonce(q.Nonce), oauth2.S256ChallengeOption(q.Verifier)), state, q, nil
}

// Redeem trades the code a browser brought for an identity. Whatever is wrong
// with it, or with what the issuer signed, is people.province_bad.
func (p *Provider) Redeem(ctx context.Context, code string, q people.Question) (id people.Identity, err error) {
	found, err := p.find(ctx)
	if err != nil {
		return id, err
	}
	ctx, done := context.WithTimeout(oidc.ClientContext(ctx, p.Client), patience)
	defer done()
	token, err := p.config(found).Exchange(ctx, code, oauth2.VerifierOption(q.Verifier))
	if err != nil {
		return id, refused(err, loa.Errorf(loa.Forbidden, "people.province_bad"))
	}
	raw, _ := token.Extra("id_token").(string)
	signed, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.ID, Now: p.Clock.Now}).Verify(ctx, raw)
	if err != nil {
		return id, bad(err)
	}
	if signed.Nonce == "" || signed.Nonce != q.Nonce {
		return id, bad(errors.New("the nonce is another sign-in's"))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some issuers write a word
	}
	if err := signed.Claims(&claims); err != nil {
		return id, bad(err)
	}
	// Many issuers keep the address out of the token and say it only when asked
	// (OpenID Connect Core 1.0, 5.4).
	if claims.Email == "" && found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return id, bad(err)
		}
		if info.Subject != signed.Subject {
			return id, bad(errors.New("the issuer speaks of somebody else when asked"))
		}
		if err := info.Claims(&claims); err != nil {
			return id, bad(err)
		}
	}
	return people.Identity{Issuer: signed.Issuer, Subject: signed.Subject, Email: claims.Email,
		Verified: claims.Verified == true || claims.Verified == "true", Refresh: token.RefreshToken}, nil
}

// Still asks the issuer whether somebody is still let in, and answers what asks
// the next time. A no is people.province_gone.
func (p *Provider) Still(ctx context.Context, refresh string) (next string, err error) {
	found, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	ctx, done := context.WithTimeout(oidc.ClientContext(ctx, p.Client), patience)
	defer done()
	token, err := p.config(found).TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return "", refused(err, loa.Errorf(loa.Forbidden, "people.province_gone"))
	}
	return token.RefreshToken, nil // the old one where the issuer gave no new one
}

func (p *Provider) config(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ID, ClientSecret: p.Secret, Endpoint: found.Endpoint(), RedirectURL: p.Return,
		Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess}}
}

// find reads the issuer's addresses, once.
func (p *Provider) find(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The keys are fetched with this context for as long as the program runs.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.Client), p.Issuer)
	if err != nil {
		return nil, loa.Errorf(loa.Unavailable, "people.province_away", p.Name).Because(err)
	}
	p.found = found
	return found, nil
}

// refused tells an issuer that says no from one that cannot be asked.
func refused(err error, no *loa.Error) error {
	var said *oauth2.RetrieveError
	if errors.As(err, &said) && said.Response != nil && said.Response.StatusCode >= 400 && said.Response.StatusCode < 500 &&
		said.Response.StatusCode != http.StatusTooManyRequests && said.ErrorCode != "invalid_client" {
		return no.Because(err)
	}
	return loa.Errorf(loa.Unavailable, "people.province_away", "").Because(err)
}

func bad(err error) error { return loa.Errorf(loa.Forbidden, "people.province_bad").Because(err) }

// random is 256 bits.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
