//go:build linux

package sandbox

import "golang.org/x/sys/unix"

// auditArch is how seccomp names this architecture.
const auditArch = unix.AUDIT_ARCH_X86_64

// refusedHere are the old ways to start a process and the way to its ports.
func refusedHere() []uint32 {
	return []uint32{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_IOPL, unix.SYS_IOPERM}
}
