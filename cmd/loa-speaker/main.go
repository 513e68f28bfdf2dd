// Command loa-speaker is the loudspeaker agent: it runs on the box on the pole,
// takes its settings from the environment and needs nothing else installed (but
// aplay for ALSA, and arecord for a microphone).
package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
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

  loa-speaker                run
  loa-speaker doctor         say what the box holds and what is wrong: disk, clock, server, plan, output
  loa-speaker pin            set the PIN of the microphone; it is read from standard input
  loa-speaker mic [minutes]  speak (5 minutes, at most 10); the PIN is read from standard input, Ctrl-C ends it
  loa-speaker --help, --version

It takes its settings from the environment:
  LOA_SERVER         base URL of the node, for example https://loa.example.vn
  LOA_DIR            folder for keys, documents and sounds; default /var/lib/loa-speaker
  LOA_CODE           enrolment code from the officer's page; needed once
  LOA_OUTPUT         aplay, aplay:<ALSA device>, command:<program and arguments>, wav:<file> or silent; default aplay.
                     A command reads raw samples: 16 bits little-endian, mono, 32000 a second
  LOA_AMP_ON         program run a second before something sounds, to switch an amplifier; default none
  LOA_AMP_OFF        program run when nothing has sounded for three seconds; default none
  LOA_MIC            program that brings a microphone's raw samples, in the output's form;
                     default "arecord -q -t raw -f S16_LE -c 1 -r 32000"
  LOA_VOLUME         percent, 1 to 100; default 100
  LOA_CACHE_MB       room for sounds, in MiB; default 512
  LOA_MEMORY_MB      memory the program aims to stay below, in MiB; default 20
  LOA_RECEIPT_DELAY  receipts go within a random part of this; default 120s
  LOA_LOG            debug, info, warn or error; default info. The last 256 KiB are kept in LOA_DIR

Exit codes: 0 ended by a signal, or nothing is wrong; 1 something a person must mend; 2 wrong settings.
`

// product is whose program this is, as releases name it.
const product = "loa-speaker"

// version is the number of this program's release, which rises with each, and
// the same as people say it. Whoever makes a release changes both.
//
//go:embed version.txt
var version string

// openFiles bounds what a leak could take from a small board.
const openFiles = 256

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, env func(string) string, in io.Reader, out, errs io.Writer) int {
	number, text, err := said(version)
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 2
	}
	command, rest := "", args
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	switch {
	case command == "--help", command == "-h":
		fmt.Fprint(out, help)
		return 0
	case command == "--version":
		fmt.Fprintln(out, edge.VersionLine(product, text, number))
		return 0
	case len(rest) > 0 && (command != "mic" || len(rest) > 1):
		fmt.Fprint(errs, help)
		return 2
	}
	c, memory, err := config(env, errs)
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 2
	}
	c.Version = text
	debug.SetMemoryLimit(memory)
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch command {
	case "":
		return serve(ctx, c, number, env, errs)
	case "doctor":
		err = doctor(ctx, c, out)
	case "pin":
		err = setPIN(c, in, out)
	case "mic":
		err = speak(ctx, c, rest, in, out)
	default:
		fmt.Fprint(errs, help)
		return 2
	}
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker:", err)
		return 1
	}
	return 0
}

// serve runs the agent, as the program the box was made with or as one that
// replaces it, and says how it ended.
func serve(ctx context.Context, c edge.Config, number int64, env func(string) string, errs io.Writer) int {
	limit := syscall.Rlimit{Cur: openFiles, Max: openFiles}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err != nil {
		fmt.Fprintln(errs, "loa-speaker: limit open files:", err)
		return 1
	}
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
		err = syscall.Exec(launcher, os.Args, without(os.Environ(), edge.LaunchedBy)) //nolint:gosec // our own program with our own arguments; returns on an error only
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

func doctor(ctx context.Context, c edge.Config, out io.Writer) error {
	wrong := 0
	for _, f := range edge.Doctor(ctx, c) {
		mark := "ok   "
		if f.Bad {
			mark = "WRONG"
			wrong++
		}
		fmt.Fprintf(out, "%s  %-10s  %s\n", mark, f.Of, f.Says)
	}
	if wrong > 0 {
		return fmt.Errorf("%d things are wrong", wrong)
	}
	return nil
}

func ask(in io.Reader, out io.Writer) (string, error) {
	fmt.Fprint(out, "PIN: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read PIN: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func setPIN(c edge.Config, in io.Reader, out io.Writer) error {
	pin, err := ask(in, out)
	if err != nil {
		return err
	}
	if err := edge.SetPIN(c.Dir, pin); err != nil {
		return fmt.Errorf("a PIN has 6 to 12 digits, not all the same and not in a row: %w", err)
	}
	fmt.Fprintln(out, "The PIN is set.")
	return nil
}

func speak(ctx context.Context, c edge.Config, args []string, in io.Reader, out io.Writer) error {
	minutes := 5
	if len(args) > 0 {
		var err error
		if minutes, err = strconv.Atoi(args[0]); err != nil || minutes < 1 {
			return errors.New("minutes is not a number above 0")
		}
	}
	pin, err := ask(in, out)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Control)
	if err != nil {
		return fmt.Errorf("the agent does not run here: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := json.NewEncoder(conn).Encode(edge.MicAsk{PIN: pin, Minutes: minutes}); err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	for told := json.NewDecoder(conn); ; {
		var m edge.MicTell
		switch err := told.Decode(&m); {
		case ctx.Err() != nil:
			fmt.Fprintln(out, "Ended.")
			return nil
		case err != nil:
			return fmt.Errorf("the agent ended: %w", err)
		case m.Why != "":
			return fmt.Errorf("not spoken, or not to the end: %s", m.Why)
		case m.Ended:
			fmt.Fprintln(out, "Ended.")
			return nil
		case m.Speak:
			fmt.Fprintln(out, "Speak after the tone.")
		}
	}
}

func config(env func(string) string, errs io.Writer) (c edge.Config, memory int64, err error) {
	or := func(name, usual string) string {
		if v := env(name); v != "" {
			return v
		}
		return usual
	}
	megabytes := func(name, usual string) int64 {
		n, e := strconv.ParseInt(or(name, usual), 10, 64)
		if e != nil || n < 1 || n > math.MaxInt64>>20 {
			err = fmt.Errorf("%s is not a number of megabytes", name)
		}
		return n << 20
	}
	c = edge.Config{Server: env("LOA_SERVER"), Dir: or("LOA_DIR", "/var/lib/loa-speaker"), Code: env("LOA_CODE"),
		Mic:       strings.Fields(or("LOA_MIC", "arecord -q -t raw -f S16_LE -c 1 -r "+strconv.Itoa(edge.Rate))),
		Amplifier: edge.Amplifier{On: strings.Fields(env("LOA_AMP_ON")), Off: strings.Fields(env("LOA_AMP_OFF"))}}
	c.Control = filepath.Join(c.Dir, "control")
	c.Cache, memory = megabytes("LOA_CACHE_MB", "512"), megabytes("LOA_MEMORY_MB", "20")
	if err != nil {
		return c, 0, err
	}
	if c.Server == "" {
		return c, 0, errors.New("LOA_SERVER is empty")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(or("LOA_LOG", "info"))); err != nil {
		return c, 0, fmt.Errorf("LOA_LOG: %w", err)
	}
	c.Log = slog.New(slog.NewTextHandler(io.MultiWriter(edge.LogFile{Dir: c.Dir}, errs), &slog.HandlerOptions{Level: level}))
	if c.Volume, err = strconv.Atoi(or("LOA_VOLUME", "100")); err != nil || c.Volume < 1 || c.Volume > 100 {
		return c, 0, errors.New("LOA_VOLUME is not a number from 1 to 100")
	}
	if c.ReceiptDelay, err = time.ParseDuration(or("LOA_RECEIPT_DELAY", "120s")); err != nil {
		return c, 0, fmt.Errorf("LOA_RECEIPT_DELAY: %w", err)
	}
	c.Output, err = edge.Open(or("LOA_OUTPUT", "aplay"))
	return c, memory, err
}
