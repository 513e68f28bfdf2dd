//go:build unix

package main

import (
	"os"
	"syscall"
)

// sameUser reports whether the signer's socket belongs to the user who asks.
func sameUser(socket string) bool {
	info, err := os.Stat(socket)
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
