#!/usr/bin/env bash
# redis-server of Debian 12 (7.0.15).
#
# Guess: a consumer that reads its own pending entries again, by XREADGROUP with the id 0, changes nothing, and
#        a replica knows of the entries what the master knows.
# Seen:  such a read sets the idle time of each entry to 0 and counts as a delivery, which keeps XAUTOCLAIM
#        away, but it is neither sent to replicas nor written to the append-only file. After a failover the
#        idle time is that of the first delivery, and another consumer takes the entries from the one at work.
set -euo pipefail
for command in redis-server python3; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server and python3" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
serve() {
	redis-server --bind 127.0.0.1 --unixsocket "$dir/$1" --save '' --dir "$dir" --repl-diskless-sync-delay 0 "${@:2}" >/dev/null &
	until redis-cli -s "$1" ping >/dev/null 2>&1; do sleep 0.1; done
}
serve master --port "$port"
serve replica --port 0 --replicaof 127.0.0.1 "$port"
until redis-cli -s replica role | grep -q '^connected$'; do sleep 0.1; done
{
	redis-cli -s master xgroup create jobs workers 0 mkstream
	redis-cli -s master xadd jobs '*' job 1
	redis-cli -s master xreadgroup group workers first streams jobs '>'
	redis-cli -s master wait 1 10000
	sleep 10
	redis-cli -s master xreadgroup group workers first streams jobs 0
	redis-cli -s master xadd jobs '*' job 2
	redis-cli -s master wait 1 10000
} >/dev/null
for server in master replica; do
	pending=$(redis-cli -s "$server" xpending jobs workers - + 1 first)
	read -r _ _ idle deliveries <<<"$(paste -sd' ' <<<"$pending")"
	echo "$server: deliveries $deliveries, idle for 10 s: $([ "$idle" -ge 10000 ] && echo yes || echo no)"
done | tee seen
redis-cli -s replica replicaof no one >/dev/null
for server in master replica; do
	claimed=$(redis-cli -s "$server" xautoclaim jobs workers second 10000 0 justid | sed -n 2p)
	echo "$server: the second consumer takes ${claimed:+an entry}"
done | tee -a seen
diff seen - <<'END'
master: deliveries 2, idle for 10 s: no
replica: deliveries 1, idle for 10 s: yes
master: the second consumer takes 
replica: the second consumer takes an entry
END
echo "as found: Redis $(redis-cli -s master info server | tr -d '\r' | sed -n 's/^redis_version://p')"
