package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"loa"
)

// The arguments of Main begin with one of these two words.
const (
	forUpload = "upload"  // every part of the sandbox, or nothing runs
	forOwn    = "trusted" // as much of the sandbox as the machine has
)

// Exit codes of Main itself, when it could not become the program.
const (
	exitUsage     = 119
	exitNoSandbox = 120
	exitNoExec    = 121
)

// Box is where a program runs.
type Box struct {
	Self    string // the executable whose "sandbox-exec" is Main, an absolute path
	Dir     string // the one folder the program sees, an absolute path; it starts there
	Trusted bool   // our own bytes: a sandbox with parts missing will do
}

// FailedError is a program in the sandbox that failed or was killed.
type FailedError struct {
	State string // "exit status 1", "signal: killed"
	Code  int    // its exit code, −1 when it was killed
	Log   string // the end of what it wrote
}

// Error is for the log.
func (f FailedError) Error() string { return f.State + ": " + f.Log }

// ErrMissing is a program that this machine does not have.
var ErrMissing = errors.New("the program is not installed")

// Run runs a program, a name to find or a path, and returns the end of what it
// wrote. Without the whole sandbox nothing runs (sandbox.none) unless the box is
// Trusted; a program that ran and failed is FailedError, one that is absent ErrMissing.
func (b Box) Run(ctx context.Context, name string, args ...string) (log string, err error) {
	program, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMissing, err)
	}
	// The sandbox opens exactly this file, so it must be the file, not a link.
	if program, err = filepath.Abs(program); err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	mode := forUpload
	if b.Trusted {
		mode = forOwn
	}
	cmd := exec.CommandContext(ctx, b.Self, append([]string{"sandbox-exec", mode, b.Dir, program}, args...)...)
	cmd.Dir = b.Dir
	cmd.Env = []string{} // empty, where nil would mean ours
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return string(out.b), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("run %s: %w", name, ctx.Err())
	case !errors.As(err, &exit):
		return "", fmt.Errorf("run sandbox: %w", err)
	}
	failed := FailedError{exit.String(), exit.ExitCode(), string(out.b)}
	switch failed.Code {
	case exitNoSandbox:
		return "", loa.Errorf(loa.Unavailable, "sandbox.none").Because(errors.New(failed.Error())) // no FailedError: the program never ran
	case exitUsage, exitNoExec:
		return "", fmt.Errorf("run sandbox: %s", failed.Error())
	}
	return "", failed
}

// tail keeps the end of what a program writes, so that a file that provokes a
// million warnings costs no memory.
type tail struct{ b []byte }

const tailBytes = 64 << 10

// Write keeps p, or the end of it.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-tailBytes):]...)
	if extra := len(t.b) - tailBytes; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}
