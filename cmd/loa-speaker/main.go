// Command loa-speaker is the loudspeaker agent: it runs on the box on the pole,
// takes its settings from the environment and needs nothing else installed (but
// aplay for ALSA).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

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

// memory is what the garbage collector aims to stay below: a small board has
// 64 MB for everything.
const memory = 20 << 20

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, env func(string) string, out, errs io.Writer) int {
	version := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		version = b.Main.Version
	}
	if len(args) > 0 {
		switch args[0] {
		case "--help", "-h":
			fmt.Fprint(out, help)
			return 0
		case "--version":
			fmt.Fprintln(out, version)
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
	c.Version = version
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := edge.Run(ctx, c); err != nil {
		c.Log.Error("ended", "error", err)
		return 1
	}
	return 0
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
