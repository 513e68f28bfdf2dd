// Command op is a real OpenID provider for the tests: the one that the authors
// of zitadel/oidc give as their example, with a door through which a test
// disables somebody. It is a module of its own, so that nothing of it is in Loa.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// register is the example's storage, in which somebody may be disabled.
type register struct {
	*storage.Storage
	mu   sync.Mutex
	gone map[string]bool // by subject
}

// TokenRequestByRefreshToken refuses whoever is disabled.
func (r *register) TokenRequestByRefreshToken(ctx context.Context, token string) (op.RefreshTokenRequest, error) {
	req, err := r.Storage.TokenRequestByRefreshToken(ctx, token)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.gone[req.GetSubject()] {
		return nil, errors.New("disabled")
	}
	return req, err
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves people (a file of the example's form) to one client, until its
// standard input ends.
func run(people, back string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "http://" + l.Addr().String() + "/"
	storage.RegisterClients(storage.WebClient("loa", "secret", back))
	users, err := storage.StoreFromFile(people)
	if err != nil {
		return err
	}
	r := &register{Storage: storage.NewStorage(users), gone: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /disable/{subject}", func(_ http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gone[req.PathValue("subject")] = true
	})
	mux.Handle("/", exampleop.SetupServer(issuer, r, slog.New(slog.DiscardHandler), false))
	fmt.Println(issuer)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, mux)
}
