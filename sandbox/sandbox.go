//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Main is the other end of the sandbox: cmd/loa calls it first thing
// when os.Args[1] is "sandbox-exec", with os.Args[2:]:
//
//	upload|trusted <job folder> <program> <arguments…>
//
// It confines its own thread and becomes the program. It returns, with the exit
// code, only when that failed. Nothing here needs root or a namespace: limits,
// no_new_privs(2), Landlock and seccomp(2) bind whoever asks for them, and the
// program it becomes, for good.
func Main(args []string) int {
	if len(args) < 3 || args[0] != forUpload && args[0] != forOwn {
		fmt.Fprintln(os.Stderr, "sandbox-exec: want upload|trusted, a folder, a program")
		return exitUsage
	}
	mode, dir, program := args[0], args[1], args[2]
	path, err := unix.BytePtrFromString(program)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox-exec: program:", err)
		return exitUsage
	}
	argv, err := syscall.SlicePtrFromStrings(args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox-exec: arguments:", err)
		return exitUsage
	}
	runtime.LockOSThread() // what follows binds one thread: the one that execs
	if err := confine(dir, program); err != nil && mode == forUpload {
		fmt.Fprintln(os.Stderr, "sandbox-exec:", err)
		return exitNoSandbox
	}
	all, environment := limits(), new([1]*byte) // none but the closing nil
	// From the limits on, Go must not ask the kernel for memory, or its runtime
	// ends this process: raw calls only, on what has been prepared above.
	for i := range all {
		_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, all[i].what, uintptr(unsafe.Pointer(&all[i].value)), 0, 0, 0)
		if errno != 0 && mode == forUpload {
			os.Stderr.WriteString("sandbox-exec: limits: " + errno.Error() + "\n")
			return exitNoSandbox
		}
	}
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&environment[0])))
	os.Stderr.WriteString(errno.Error()) // execve returns only when it failed
	return exitNoExec
}

// confine does all it can and reports what it could not. A kernel without
// Landlock is no error (Probe tells); one without seccomp is.
func confine(dir, program string) error {
	return errors.Join(
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
		restrictFiles(dir, program),
		restrictCalls(),
	)
}

// limit is one resource and its value, soft and hard.
type limit struct {
	what  uintptr
	value unix.Rlimit
}

// limits bound what a hostile file can make the program use.
func limits() [6]limit {
	most := func(n uint64) unix.Rlimit { return unix.Rlimit{Cur: n, Max: n} }
	return [...]limit{
		{unix.RLIMIT_CPU, most(60)},          // seconds; half an hour of sound needs 17
		{unix.RLIMIT_FSIZE, most(128 << 20)}, // half an hour of 16-bit mono at 32 kHz is 115 MB
		{unix.RLIMIT_NOFILE, most(64)},       // ffmpeg holds five
		{unix.RLIMIT_NPROC, most(1024)},      // counts all threads of this user, so no lower; forking is refused anyway
		{unix.RLIMIT_CORE, most(0)},          // a core would hold the upload
		{unix.RLIMIT_AS, most(768 << 20)},    // last, see Main; ffmpeg's libraries alone take more than 256 MiB
	}
}

// LandlockABI is the version of Landlock in this kernel, 0 without.
func LandlockABI() int {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// restrictFiles lets the program read the system's libraries, run itself and
// work in dir; every other file, TCP port, abstract socket and signal to
// another process is shut, as far as this kernel's Landlock knows them.
func restrictFiles(dir, program string) error {
	abi := LandlockABI()
	if abi == 0 {
		return nil
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1} // all 13 rights of version 1
	if abi >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: make rules: %w", errno)
	}
	defer unix.Close(int(fd))

	const (
		read = unix.LANDLOCK_ACCESS_FS_READ_FILE
		list = unix.LANDLOCK_ACCESS_FS_READ_DIR
		run  = unix.LANDLOCK_ACCESS_FS_EXECUTE
		work = read | list | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
			unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	)
	for _, rule := range []struct {
		path   string
		access uint64
	}{
		{dir, work},
		{program, read | run},
		// "run" is for the dynamic loader, which lives among the libraries.
		{"/lib", read | list | run},
		{"/lib64", read | list | run},
		{"/usr/lib", read | list | run},
		{"/usr/lib64", read | list | run},
		{"/usr/local/lib", read | list | run},
		{"/etc/ld.so.cache", read},
	} {
		err := allowPath(int(fd), rule.path, rule.access&attr.Handled_access_fs)
		if errors.Is(err, unix.ENOENT) && rule.path != dir && rule.path != program {
			continue // not every system has every library folder
		}
		if err != nil {
			return fmt.Errorf("landlock: allow %s: %w", rule.path, err)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: restrict: %w", errno)
	}
	return nil
}

func allowPath(rules int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// restrictCalls installs the filter on this thread.
func restrictCalls() error {
	filter := callFilter()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// callFilter is the seccomp program, classic BPF over struct seccomp_data
// {nr, arch uint32; instruction_pointer uint64; args [6]uint64}, little-endian.
// It refuses by list: whatever a program that turns one file into another has
// no business with. Refusals are errors, not kills, so that a library that
// merely tries goes on without.
func callFilter() []unix.SockFilter {
	const (
		nr, arch, arg0 = 0, 4, 16 // offsets of the low words

		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		jset = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K

		allow  = unix.SECCOMP_RET_ALLOW
		kill   = unix.SECCOMP_RET_KILL_PROCESS
		refuse = unix.SECCOMP_RET_ERRNO
	)
	// Jumps count the instructions skipped: Jt when true, Jf when false.
	f := []unix.SockFilter{
		// A call by another architecture's numbers is an escape, not a mistake.
		{Code: load, K: arch},
		{Code: jeq, Jt: 1, K: auditArch},
		{Code: ret, K: kill},
		{Code: load, K: nr},
		{Code: jge, Jf: 1, K: 0x4000_0000}, // the x32 numbers of amd64; arm64 has none so high
		{Code: ret, K: kill},

		// socket: AF_UNIX only.
		{Code: jeq, Jf: 4, K: unix.SYS_SOCKET},
		{Code: load, K: arg0},
		{Code: jeq, Jf: 1, K: unix.AF_UNIX},
		{Code: ret, K: allow},
		{Code: ret, K: refuse | uint32(unix.EACCES)},

		// clone: threads only, no processes.
		{Code: jeq, Jf: 4, K: unix.SYS_CLONE},
		{Code: load, K: arg0},
		{Code: jset, Jf: 1, K: unix.CLONE_THREAD},
		{Code: ret, K: allow},
		{Code: ret, K: refuse | uint32(unix.EPERM)},

		// clone3 hides its flags behind a pointer; ENOSYS makes libc use clone.
		{Code: jeq, Jf: 1, K: unix.SYS_CLONE3},
		{Code: ret, K: refuse | uint32(unix.ENOSYS)},

		// prlimit: one's own limits only, not the server's.
		{Code: jeq, Jf: 4, K: unix.SYS_PRLIMIT64},
		{Code: load, K: arg0},
		{Code: jeq, Jf: 1, K: 0},
		{Code: ret, K: allow},
		{Code: ret, K: refuse | uint32(unix.EPERM)},
	}
	for _, call := range append(refusedCalls(), refusedHere()...) {
		f = append(f,
			unix.SockFilter{Code: jeq, Jf: 1, K: call},
			unix.SockFilter{Code: ret, K: refuse | uint32(unix.EPERM)})
	}
	return append(f, unix.SockFilter{Code: ret, K: allow})
}

// refusedCalls are refused on every architecture; refusedHere adds those that
// only one has.
func refusedCalls() []uint32 {
	return []uint32{
		// Talking to anyone. An AF_UNIX socket may exist (libraries make them),
		// but reaches nobody: the signer and the database listen on such sockets.
		unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
		unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
		// io_uring does all of the above unseen by seccomp.
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		// Other processes: their memory, files, signals.
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
		unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
		// Programs that lie in no file, which Landlock cannot judge.
		unix.SYS_EXECVEAT, unix.SYS_MEMFD_CREATE,
		// The tree of files and its namespaces.
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
		unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR,
		unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_UNSHARE, unix.SYS_SETNS,
		// The kernel itself.
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
		unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT,
		unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_CLOCK_SETTIME, unix.SYS_SETTIMEOFDAY,
	}
}
