# Keeps one PostgreSQL server for a test process: $1 is the folder of its
# programs, $2 a folder of its own. It says "ready", waits until its standard
# input ends, which it does when the test process is gone, and tidies up.
# fsync stays on: what the tests prove must hold on a disk.
options="-k $2 -c listen_addresses= -c shared_buffers=32MB -c max_connections=200"
options="$options -c wal_level=minimal -c max_wal_senders=0 -c jit=off -c autovacuum_naptime=1h"
{
	"$1/initdb" -D "$2/data" -U loa -A trust -E UTF8 --no-locale --no-sync --no-instructions &&
		"$1/pg_ctl" -D "$2/data" -o "$options" -l "$2/server.log" -w start
} >"$2/start.log" 2>&1
if [ $? -eq 0 ]; then
	echo ready
	cat >/dev/null
	"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
else
	cat "$2/start.log" "$2/server.log" 2>/dev/null | tail -n 20 | tr '\n' ' '
	echo
fi
cd / && rm -rf "$2"
