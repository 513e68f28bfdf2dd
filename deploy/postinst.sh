#!/bin/sh
set -e
# @NAME@ stands for the package; scripts/packages fills it in.
[ "$1" = configure ] || exit 0
systemd-sysusers /usr/lib/sysusers.d/@NAME@.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	for unit in @UNITS@; do
		systemctl enable "$unit"
		systemctl try-restart "$unit" || true
	done
fi
