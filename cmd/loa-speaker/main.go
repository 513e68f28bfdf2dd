// Command loa-speaker is the loudspeaker agent: it runs on the box on the pole,
// takes its settings from the environment and needs nothing else installed (but
// aplay for ALSA).
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"loa"
	"loa/edge"
)

const help = `loa-speaker: the loudspeaker agent (cụm loa)

It takes its settings from the environment:
  LOA_SERVER         base URL of the node, for example https://loa.example.vn
  LOA_DIR            folder for keys, documents and sounds; default /var/lib/loa-speaker
  LOA_CODE           enrolment code from the officer's page; needed once
  LOA_OUTPUT         aplay, aplay:<ALSA device>, wav:<file> or silent; default aplay
  LOA_VOLUME         percent, 1 to 100; default 100
  LOA_RECEIPT_DELAY  receipts go within a random part of this; default 120s
  LOA_LOG            debug, info, warn or error; default info

Exit codes: 0 ended by a signal, 1 something a person must mend, 2 wrong settings.
`

// product is whose program this is, as releases name it.
const product = "loa-speaker"

// version is the number of this program's release, which rises with each, and
// the same as people say it. Whoever makes a release changes both.
//
//go:embed version.txt
var version string

// memory is what the garbage collector aims to stay below: a small board has
// 64 MB for everything.
const memory = 20 << 20

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, env func(string) string, out, errs io.Writer) int {
	number, text, err := said(version)
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 2
	}
	if len(args) > 0 {
		switch args[0] {
		case "--help", "-h":
			fmt.Fprint(out, help)
			return 0
		case "--version":
			fmt.Fprintln(out, edge.VersionLine(product, text, number))
			return 0
		}
		fmt.Fprint(errs, help)
		return 2
	}
	debug.SetMemoryLimit(memory)
	debug.SetGCPercent(50)
	c, err := config(env, errs)
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	launcher := env(edge.LaunchedBy)
	if launcher == "" {
		if launcher, err = os.Executable(); err != nil {
			fmt.Fprintln(errs, "loa-speaker:", err)
			return 1
		}
		l := edge.Launcher{Dir: c.Dir, Self: launcher, Number: number, Args: os.Args, Env: os.Environ(), Clock: loa.WallClock{}, Log: c.Log, Replace: syscall.Exec}
		if code, own := l.Launch(ctx); !own {
			return code
		}
	}
	c.Version = text
	c.Updates = edge.Updates{Product: product, Number: number, System: edge.System(built("GOARM"))}
	onTrial := env(edge.ProveOn)
	if c.Updates.Prove, err = proof(onTrial); err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 2
	}
	err = edge.Run(ctx, c)
	switch {
	case errors.Is(err, edge.ErrAgain) && onTrial != "": // the launcher waits for us
		return edge.Again
	case errors.Is(err, edge.ErrAgain):
		err = syscall.Exec(launcher, os.Args, without(os.Environ(), edge.LaunchedBy)) // returns on an error only
	case err == nil:
		return 0
	}
	c.Log.Error("ended", "error", err)
	return 1
}

// said reads version.txt.
func said(s string) (number int64, text string, err error) {
	if _, err = fmt.Sscan(s, &number, &text); err != nil || number < 1 {
		return 0, "", fmt.Errorf("version.txt says %q", s)
	}
	return number, text, nil
}

// built is one setting this program was built with.
func built(name string) string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == name {
				return s.Value
			}
		}
	}
	return ""
}

// proof is how a program on trial tells its launcher that it works; nil if it is
// on none.
func proof(file string) (func() error, error) {
	if file == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(file)
	if err != nil || n < 3 {
		return nil, fmt.Errorf("%s is no file", edge.ProveOn)
	}
	return func() error {
		f := os.NewFile(uintptr(n), "proof")
		_, err := f.Write([]byte{1})
		return errors.Join(err, f.Close())
	}, nil
}

// without is an environment without one variable.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(s string) bool { return strings.HasPrefix(s, name+"=") })
}

func config(env func(string) string, errs io.Writer) (edge.Config, error) {
	or := func(name, usual string) string {
		if v := env(name); v != "" {
			return v
		}
		return usual
	}
	c := edge.Config{Server: env("LOA_SERVER"), Dir: or("LOA_DIR", "/var/lib/loa-speaker"), Code: env("LOA_CODE")}
	if c.Server == "" {
		return c, errors.New("LOA_SERVER is empty")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(or("LOA_LOG", "info"))); err != nil {
		return c, fmt.Errorf("LOA_LOG: %w", err)
	}
	c.Log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	var err error
	if c.Volume, err = strconv.Atoi(or("LOA_VOLUME", "100")); err != nil || c.Volume < 1 || c.Volume > 100 {
		return c, errors.New("LOA_VOLUME is not a number from 1 to 100")
	}
	if c.ReceiptDelay, err = time.ParseDuration(or("LOA_RECEIPT_DELAY", "120s")); err != nil {
		return c, fmt.Errorf("LOA_RECEIPT_DELAY: %w", err)
	}
	c.Output, err = edge.Open(or("LOA_OUTPUT", "aplay"))
	return c, err
}
