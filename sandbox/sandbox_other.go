//go:build !linux || (!amd64 && !arm64)

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Main is the other end of the sandbox on systems that have none: an
// upload is refused, our own speech is passed to the program as it is.
func Main(args []string) int {
	if len(args) < 3 || args[0] != forUpload && args[0] != forOwn {
		fmt.Fprintln(os.Stderr, "sandbox-exec: want upload|trusted, a folder, a program")
		return exitUsage
	}
	if args[0] == forUpload {
		fmt.Fprintln(os.Stderr, "sandbox-exec: this system has no seccomp")
		return exitNoSandbox
	}
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "sandbox-exec: exec %s: %v\n", args[2], err)
	return exitNoExec
}

// LandlockABI is 0: there is no Landlock.
func LandlockABI() int { return 0 }
