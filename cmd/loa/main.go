// Command loa is the server of a province (its communes inside it) and its
// tools. Each subcommand is a thin call; what it does lives in the packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"loa"
	"loa/lang"
	"loa/sandbox"
)

// command is one subcommand.
type command struct {
	name string
	args string
	help string
	run  func(ctx context.Context, a *app) error
}

// app is what every subcommand is given.
type app struct {
	args   []string
	getenv func(string) string
	in     io.Reader
	out    io.Writer
	errs   io.Writer
	log    *slog.Logger
	self   string
	memory int64 // bytes the program keeps below, 0 for no limit
}

func commands() []command {
	return []command{
		{"serve", "", "run the server", serve},
		{"sign", "", "run the signer, the only process that opens authority keys", sign},
		{"demo", "[-once]", "run a whole invented province with twelve speakers", demo},
		{"doctor", "", "say how this machine is configured and what is wrong", doctor},
		{"check", "", "compare everything that is kept with its hashes, seals and numbers", check},
		{"key", "province -path P -communes A,B | member -login L -duties approve,stop,place,policy,roster -paths P,…",
			"make the keys of a province, begin the list of people the signer believes", key},
		{"root", "key -o F -name N | draft [-keys K,K -threshold N -name N [-end ID -overlap D]] [-years N] -o F | show F | seal -key F -o F F | take F",
			"put another root in the place of the old, or prolong what the root gave", root},
		{"user", "add -login L -name N [-unit P] | link -login L", "add a person, make a sign-in link", user},
		{"unit", "import FILE [-dry-run] | national | list [P]", "bring administrative units into the register", units},
		{"speaker", "list [P] | code POLE", "list speakers, make an enrolment code", speakers},
		{"release", "key -o F -name N | trust -root F -path P -keys K,K -o F | make -number N -text T -o F SYSTEM=FILE… | seal -key F -o F RELEASE | join -o F SEALED… | import [-trust F] SEALED FILE… | list",
			"make, seal and bring in programs for speakers", release},
		{"device", "check ADDR [-json] [-lang vi|en] [-wait D]", "play the node at ADDR and try a box of any make against docs/wire.md", device},
		{"voice", "normalize | say -o FILE", "show or speak what would be read out", speech},
		{"journal", "verify [FILE…] | checkpoint", "hold the journal to its checkpoints, those in FILE too; print the newest", book},
		{"backup", "FILE", "copy the database and list what else to keep", backup},
		{"restore", "FILE", "put a backup where the server will find it", restore},
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sandbox-exec" {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "loa:", err)
		return 1
	}
	var level slog.Level
	if s := os.Getenv("LOA_LOG"); s != "" {
		if err := level.UnmarshalText([]byte(s)); err != nil {
			fmt.Fprintln(os.Stderr, "loa: LOA_LOG:", err)
			return 2
		}
	}
	a := &app{getenv: os.Getenv, in: os.Stdin, out: os.Stdout, errs: os.Stderr, self: self, memory: keepBelow(os.DirFS("/"), os.Getenv),
		log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	if len(os.Args) < 2 || os.Args[1] == "help" || os.Args[1] == "--help" || os.Args[1] == "-h" {
		usage(os.Stdout)
		return 0
	}
	for _, c := range commands() {
		if c.name != os.Args[1] {
			continue
		}
		a.args = os.Args[2:]
		err := c.run(ctx, a)
		if err == nil {
			return 0
		}
		if errors.Is(err, errUsage) {
			fmt.Fprintf(os.Stderr, "loa %s %s\n    %s\n", c.name, c.args, c.help)
			return 2
		}
		fmt.Fprintln(os.Stderr, "loa:", sentence(err))
		return 1
	}
	usage(os.Stderr)
	return 2
}

// errUsage makes a subcommand print how it is called.
var errUsage = errors.New("usage")

func usage(w io.Writer) {
	fmt.Fprint(w, "loa: the open grassroots information system\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  loa %-8s %s\n               %s\n", c.name, c.args, c.help)
	}
	fmt.Fprint(w, "\nEverything is configured by the environment; docs/config.md lists the variables.\n")
}

// sentence is what a person at the terminal reads: the sentence of the error if
// it has one, with its cause, which a server's administrator may see.
func sentence(err error) string {
	catalog, loadErr := lang.Load()
	if loadErr != nil || loa.CodeOf(err) == loa.Internal {
		return err.Error()
	}
	return catalog.Error("en", err) + " (" + err.Error() + ")"
}
