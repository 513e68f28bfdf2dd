#!/bin/sh
set -e
# Removing keeps settings and state. Purging takes the state of a box as well, its key with it; a server's
# record and keys are never a package's to delete.
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	deb-systemd-helper purge @UNITS@ >/dev/null 2>&1 || true
	deb-systemd-helper unmask @UNITS@ >/dev/null 2>&1 || true
	for pair in @STATE@; do
		dir=${pair#*:}
		if [ "@PURGE@" = all ]; then
			rm -rf "$dir"
		elif [ -d "$dir" ]; then
			echo "@NAME@: $dir is kept: it holds the record and the keys. Delete it yourself once nobody needs it." >&2
		fi
	done
fi
