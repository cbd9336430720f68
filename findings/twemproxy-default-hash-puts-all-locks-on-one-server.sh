#!/usr/bin/env bash
# nutcracker (twemproxy) 0.5.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: with the distribution modula and the default hash, fnv1a_64, numbered locks lie on all servers of the pool, about as
#        many on each.
# Seen:  with three servers all of them are on one, and with five servers too: when that one is down, no lock can be had,
#        and the others are idle. With four servers, or the hash md5, it is as guessed. fnv1a_64 is computed with 32 bits,
#        where its last step is a multiplication by 435, which is 3 * 5 * 29: names that differ in their last characters
#        have hashes that differ by a multiple of 435, but for the few of them that overflow otherwise.
set -euo pipefail
for command in redis-server redis-cli nutcracker perl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server and nutcracker" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'for pid in ${servers:-} ${proxy:-}; do kill "$pid" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir"
for i in 1 2 3 4 5; do
	redis-server --port 0 --unixsocket "$dir/redis$i.sock" --save '' --daemonize no >/dev/null & servers="${servers:-} $!"
done
for i in 1 2 3 4 5; do
	until [ "$(redis-cli -s "redis$i.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
done
pool() { # pool HASH SERVERS
	printf '%s-%s:\n  listen: %s\n  redis: true\n  distribution: modula\n' "$1" "$2" "$dir/$1-$2.sock"
	[ "$1" = default ] || echo "  hash: $1"
	echo '  servers:'
	for ((i = 1; i <= $2; i++)); do echo "   - $dir/redis$i.sock:1 server$i"; done
}
pools="default-3 default-4 default-5 md5-3 md5-5"
for name in $pools; do pool ${name//-/ }; done >proxy.yml
port=$(perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(0, INADDR_LOOPBACK)); print((unpack_sockaddr_in(getsockname(S)))[0])')
nutcracker -c proxy.yml -o proxy.log -a 127.0.0.1 -s "$port" & proxy=$!
for name in $pools; do
	until [ "$(redis-cli -s "$name.sock" exists key 2>/dev/null)" = 0 ]; do sleep 0.1; done
	for i in 1 2 3 4 5; do redis-cli -s "redis$i.sock" flushall >/dev/null; done
	for ((i = 100; i < 1000; i++)); do echo "SET lock$i holder NX PX 600000"; done | redis-cli -s "$name.sock" >/dev/null
	counts=$(for ((i = 1; i <= ${name##*-}; i++)); do redis-cli -s "redis$i.sock" dbsize; done | sort -n | tr '\n' ' ')
	case " $counts" in
	*" 900 "*) how='all on one' ;;
	*" 0 "*) how='none on one of them' ;;
	*) how='on all of them' ;;
	esac
	echo "$name: $how"
	echo "  locks on each server: $counts" >&2
done | tee seen
diff seen - <<'END'
default-3: all on one
default-4: on all of them
default-5: all on one
md5-3: on all of them
md5-5: on all of them
END
echo "as found: twemproxy 0.5.0"
