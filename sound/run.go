package sound

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"loa"
)

// The arguments of SandboxMain begin with one of these two words.
const (
	forUpload = "upload"  // every part of the sandbox, or nothing runs
	forOwn    = "trusted" // as much of the sandbox as the machine has
)

// Exit codes of SandboxMain itself, when it could not become the program.
const (
	exitUsage     = 119
	exitNoSandbox = 120
	exitNoExec    = 121
)

// exitError is a program in the sandbox that failed or was killed.
type exitError struct {
	state string // "exit status 1", "signal: killed"
	log   string // the end of what it wrote
}

func (e exitError) Error() string { return e.state + ": " + e.log }

// ffmpeg runs ffmpeg in the sandbox in the job's folder and returns the end of
// what it wrote. One thread each for decoding, filtering and encoding: more
// would spend the limits on stacks.
func (e Encoder) ffmpeg(ctx context.Context, j job, args ...string) (log string, err error) {
	name := e.FFmpeg
	if name == "" {
		name = "ffmpeg"
	}
	program, err := exec.LookPath(name)
	if err != nil {
		return "", loa.Errorf(loa.Unavailable, "sound.no_ffmpeg").Because(err)
	}
	// The sandbox opens exactly this file, so it must be the file, not a link.
	if program, err = filepath.Abs(program); err != nil {
		return "", fmt.Errorf("find ffmpeg: %w", err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", fmt.Errorf("find ffmpeg: %w", err)
	}
	mode := forUpload
	if j.Trusted {
		mode = forOwn
	}
	common := []string{"sandbox-exec", mode, j.Dir, program, "-hide_banner", "-nostdin", "-nostats", "-y", "-filter_threads", "1"}
	cmd := exec.CommandContext(ctx, e.Self, append(common, args...)...)
	cmd.Dir = j.Dir
	cmd.Env = []string{} // empty, where nil would mean ours
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return string(out.b), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("run ffmpeg: %w", ctx.Err())
	case !errors.As(err, &exit):
		return "", fmt.Errorf("run sandbox: %w", err)
	}
	failed := exitError{exit.String(), string(out.b)}
	switch exit.ExitCode() {
	case exitNoSandbox:
		return "", loa.Errorf(loa.Unavailable, "sound.no_sandbox").Because(errors.New(failed.Error()))
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
