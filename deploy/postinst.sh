#!/bin/sh
set -e
# @…@ stands for what scripts/packages fills in: the package, its units, and "user:folder" for what it keeps.
[ "$1" = configure ] || exit 0
systemd-sysusers /usr/lib/sysusers.d/@NAME@.conf
for pair in @STATE@; do
	user=${pair%%:*} dir=${pair#*:}
	[ -d "$dir" ] || install -d -m 0700 -o "$user" -g "$user" "$dir"
done
for unit in @UNITS@; do
	# As Debian's own packages do: on by itself once, and left off by whoever turned it off.
	deb-systemd-helper unmask "$unit" >/dev/null || true
	if deb-systemd-helper --quiet was-enabled "$unit"; then
		deb-systemd-helper enable "$unit" >/dev/null || true
	else
		deb-systemd-helper update-state "$unit" >/dev/null || true
	fi
done
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart @UNITS@ || true
fi
