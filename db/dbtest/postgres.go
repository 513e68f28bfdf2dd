package dbtest

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"loa"
)

// cluster starts at the first call, and is the same server ever after.
var cluster = sync.OnceValues(start)

// keeper starts a server and removes it when the test process has ended,
// however that ended.
//
//go:embed keeper.sh
var keeper string

// bytewise is how a database must be created for Loa to open it.
const bytewise = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"

// server is a running PostgreSQL.
type server struct {
	url   *url.URL // of its database "postgres"
	alive *os.File // held, never written: the keeper waits at its other end; nil on a server that is not ours

	mu   sync.Mutex
	free []string // databases whose test has ended, empty again
}

// Postgres is the address of an empty database (UTF8, collation C) on a server
// that runs until the test process ends, or on the server that
// LOA_TEST_POSTGRES names, whose user must be allowed to create databases.
func Postgres(t testing.TB) string {
	t.Helper()
	s, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	if s.alive == nil { // leave nothing behind on it
		return PostgresWith(t, bytewise)
	}
	name, err := s.take(t.Context())
	if err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.give(context.Background(), name); err != nil {
			t.Errorf("empty database: %v", err)
		}
	})
	return s.at(name)
}

// PostgresWith is Postgres with the text properties of CREATE DATABASE given.
func PostgresWith(t testing.TB, properties string) string {
	t.Helper()
	s, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.create(t.Context(), properties)
	if err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.Background(), "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return s.at(name)
}

// take is an empty database: an earlier test's, because creating and dropping
// one costs a second of fsync, or a new one.
func (s *server) take(ctx context.Context) (name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		name, s.free = s.free[n-1], s.free[:n-1]
		return name, nil
	}
	return s.create(ctx, bytewise)
}

// give empties a database, of forgotten connections too, for the next test.
func (s *server) give(ctx context.Context, name string) error {
	err := s.exec(ctx, name,
		"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
		"DROP SCHEMA public CASCADE",
		"CREATE SCHEMA public")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, name)
	return nil
}

// create makes a database.
func (s *server) create(ctx context.Context, properties string) (name string, err error) {
	name = "loa_" + loa.NewID(time.Now())
	return name, s.exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE template0 "+properties)
}

// at is the address of a database.
func (s *server) at(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

// exec runs statements in a database.
func (s *server) exec(ctx context.Context, name string, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.at(name))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, q := range statements {
		if _, err := conn.Exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// start finds PostgreSQL and starts a server of our own, on a socket in a
// folder of its own: no port to collide with, nothing open to the network.
func start() (*server, error) {
	if given := os.Getenv("LOA_TEST_POSTGRES"); given != "" {
		u, err := url.Parse(given)
		if err != nil {
			return nil, fmt.Errorf("LOA_TEST_POSTGRES: %w", err)
		}
		return &server{url: u}, nil
	}
	bin, err := find()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "loa-postgres-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", bin, folder)
	cmd.Dir = folder
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C in the terminal is not for it: it must tidy up
	if os.Getuid() == 0 {
		// PostgreSQL refuses to run as root.
		if cmd.SysProcAttr.Credential, err = unprivileged(folder); err != nil {
			return nil, err
		}
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin = ours
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := ours.Close(); err != nil {
		return nil, err
	}
	if line, _ := bufio.NewReader(said).ReadString('\n'); line != "ready\n" {
		return nil, fmt.Errorf("start PostgreSQL in %s: %s", bin, strings.TrimSpace(line))
	}
	return &server{
		url:   &url.URL{Scheme: "postgres", User: url.User("loa"), Path: "/postgres", RawQuery: "host=" + url.QueryEscape(folder)},
		alive: theirs,
	}, nil
}

// find is the folder of initdb and pg_ctl: Debian keeps them out of PATH.
func find() (string, error) {
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	if in, err := exec.LookPath("initdb"); err == nil {
		all = append(all, filepath.Dir(in))
	}
	for _, folder := range slices.Backward(all) {
		_, initdb := os.Stat(filepath.Join(folder, "initdb"))
		_, ctl := os.Stat(filepath.Join(folder, "pg_ctl"))
		if initdb == nil && ctl == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL is not installed: run `apt-get install postgresql`, or let LOA_TEST_POSTGRES name a server")
}

// unprivileged gives the folder to the user postgres, or nobody, and lets the
// server run as that user.
func unprivileged(folder string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(folder, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
