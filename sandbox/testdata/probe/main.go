// Command probe runs inside the sandbox in place of ffmpeg, tries the one thing
// its first argument names, and prints what came of it.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	var err error
	switch os.Args[1] {
	case "inet":
		err = socket(syscall.AF_INET)
	case "inet6":
		err = socket(syscall.AF_INET6)
	case "netlink":
		err = socket(syscall.AF_NETLINK)
	case "unix":
		err = socket(syscall.AF_UNIX)
	case "connect":
		err = connect(os.Args[2])
	case "read":
		_, err = os.ReadFile(os.Args[2])
	case "write":
		err = os.WriteFile(os.Args[2], []byte("x"), 0o600)
	case "fork":
		_, err = syscall.ForkExec(os.Args[2], []string{"true"}, nil)
	case "exec":
		err = syscall.Exec(os.Args[2], []string{"true"}, nil)
	case "ptrace":
		_, _, errno := syscall.RawSyscall(syscall.SYS_PTRACE, syscall.PTRACE_ATTACH, uintptr(syscall.Getppid()), 0)
		err = failed(errno)
	case "mount":
		err = syscall.Mount("none", os.Args[2], "tmpfs", 0, "")
	case "unshare":
		err = syscall.Unshare(syscall.CLONE_NEWUSER)
	case "kill":
		err = syscall.Kill(syscall.Getppid(), 0)
	case "limits":
		for _, l := range []int{syscall.RLIMIT_CPU, syscall.RLIMIT_AS, syscall.RLIMIT_FSIZE, syscall.RLIMIT_NOFILE, syscall.RLIMIT_CORE} {
			var r syscall.Rlimit
			if err = syscall.Getrlimit(l, &r); err != nil {
				break
			}
			fmt.Print(r.Max, " ")
		}
	case "env":
		fmt.Print(len(os.Environ()), " ")
	case "bomb":
		var all [][]byte
		for {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			fmt.Fprintln(os.Stderr, len(all)*64, "MiB")
			if len(all) > 32 {
				fmt.Println("2 GiB")
				return
			}
		}
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("done")
}

func failed(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func socket(family int) error {
	_, err := syscall.Socket(family, syscall.SOCK_DGRAM, 0)
	return err
}

func connect(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
}
