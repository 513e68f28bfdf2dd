//go:build linux

package sandbox

import "golang.org/x/sys/unix"

// auditArch is how seccomp names this architecture.
const auditArch = unix.AUDIT_ARCH_AARCH64

// refusedHere is empty: arm64 starts processes by clone alone.
func refusedHere() []uint32 { return nil }
