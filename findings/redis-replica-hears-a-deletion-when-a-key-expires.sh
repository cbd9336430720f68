#!/usr/bin/env bash
# redis-server of Debian 12 (7.0.15).
#
# Guess: a subscriber of keyspace notifications on a replica hears the events that one on the master hears:
#        "expired" for a key whose TTL has passed, and "del" for a key that somebody has deleted.
# Seen:  on the replica both are "del". A watcher that reads from replicas takes the death of a lock's holder
#        for a release, and one that subscribes to the expired events alone hears nothing.
set -euo pipefail
for command in redis-server python3; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server and python3" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
serve() {
	redis-server --bind 127.0.0.1 --unixsocket "$dir/$1" --save '' --dir "$dir" --notify-keyspace-events Exg \
		--repl-diskless-sync-delay 0 "${@:2}" >/dev/null &
	until redis-cli -s "$1" ping >/dev/null 2>&1; do sleep 0.1; done
}
serve master --port "$port"
serve replica --port 0 --replicaof 127.0.0.1 "$port"
until redis-cli -s replica role | grep -q '^connected$'; do sleep 0.1; done
for server in master replica; do
	redis-cli -s "$server" psubscribe '__keyevent@0__:*' >"events of the $server" &
	until grep -q psubscribe "events of the $server"; do sleep 0.1; done
done
redis-cli -s master set lock holder px 100 >/dev/null
until grep -q expired "events of the master"; do sleep 0.1; redis-cli -s master get lock >/dev/null; done
redis-cli -s master set lock holder >/dev/null
redis-cli -s master del lock end >/dev/null
redis-cli -s master set end now >/dev/null
redis-cli -s master del end >/dev/null
for server in master replica; do
	until grep -q '^end$' "events of the $server"; do sleep 0.1; done
	echo "$server: $(grep -A1 '^__keyevent@0__:' "events of the $server" | grep -B1 '^lock$' | sed -n 's/^__keyevent@0__://p' | paste -sd' ')"
done | tee seen
diff seen - <<'END'
master: expire expired del
replica: expire del del
END
echo "as found: Redis $(redis-cli -s master info server | tr -d '\r' | sed -n 's/^redis_version://p')"
