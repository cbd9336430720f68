#!/usr/bin/env bash
# npm advisory-lock 2.0.0 (withlock), with PostgreSQL 15 of Debian 12.
#
# Guess: withlock NAME -- COMMAND holds its lock until the command is over, and fails if the command does.
# Seen:  a SIGTERM, as a service manager sends it to the main process, ends withlock alone: the lock is free while the
#        command goes on, and the next one runs beside it. A command that was ended by a signal itself, as for want of
#        memory, is a success, exit status 0. No signal is caught or passed on, and the exit code of a command that a
#        signal ended is null.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap 'touch "$dir/end"; sleep 1; "${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
timeout 90 npm install --silent --no-save --prefix "$dir" advisory-lock@2.0.0 >/dev/null
export PG_CONNECTION_STRING="postgres://postgres@localhost/postgres?host=$dir/pg"
withlock="timeout 60 node $dir/node_modules/advisory-lock/build/bin/withlock.js"
{
	status=0
	$withlock nightly -- sh -c 'kill -KILL $$' >/dev/null || status=$?
	echo "a command that was killed: exit status $status"
	node node_modules/advisory-lock/build/bin/withlock.js nightly -- sh -c 'touch first; until [ -e end ]; do sleep 0.2; done; touch over' >/dev/null & first=$!
	until [ -e first ]; do sleep 0.2; done
	kill -TERM "$first"
	wait "$first" 2>/dev/null || echo "withlock was ended"
	$withlock nightly -- sh -c 'echo "the next command runs; the first is over: $([ -e over ] && echo yes || echo no)"' | grep "^the next"
	touch end
	for _ in $(seq 50); do [ -e over ] && break; sleep 0.2; done
	[ -e over ] && echo "the first command ends by itself"
} | tee seen
diff seen - <<'END'
a command that was killed: exit status 0
withlock was ended
the next command runs; the first is over: no
the first command ends by itself
END
echo "as found: advisory-lock 2.0.0"
