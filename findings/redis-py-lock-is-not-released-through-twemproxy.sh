#!/usr/bin/env bash
# python3-redis 4.3.4, nutcracker (twemproxy) 0.5.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: twemproxy passes on SET with NX and PX, and EVAL and EVALSHA with one key, so that redis-py's Lock, which needs
#        no more, works through it.
# Seen:  the lock is got, and cannot be prolonged or released: it stays for its timeout. redis-py sends EVALSHA and
#        loads a script that the server does not know with SCRIPT LOAD, for which twemproxy closes the connection.
#        Once someone has used the scripts without the proxy, all of it works, until the server starts again.
set -euo pipefail
for command in redis-server redis-cli nutcracker; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server and nutcracker" >&2; exit 1; }
done
/usr/bin/python3 -c 'import redis' 2>/dev/null || { echo "install the Debian package python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap 'for pid in ${server:-} ${proxy:-}; do kill "$pid" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >proxy.yml <<END
pool:
  listen: $dir/proxy.sock
  redis: true
  distribution: ketama
  servers:
   - $dir/redis.sock:1 one
END
free() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
nutcracker -c proxy.yml -o proxy.log -a 127.0.0.1 -s "$(free)" & proxy=$!
until [ "$(redis-cli -s "$dir/proxy.sock" exists key 2>/dev/null)" = 0 ]; do sleep 0.1; done
cat >run.py <<'END'
import sys

import redis

proxy, direct = (redis.Redis(unix_socket_path=path) for path in sys.argv[1:])


def attempt(call):
    try:
        return call()
    except redis.RedisError as error:
        return '%s: %s' % (type(error).__name__, error)


print('EVAL with one key through the proxy:', proxy.eval('return 1', 1, 'key'))
lock = proxy.lock('job', timeout=60)
print('acquire:', lock.acquire(blocking=False))
print('extend:', attempt(lambda: lock.extend(60)))
print('release:', attempt(lock.release))
print('the key is left:', direct.exists('job') == 1)
with direct.lock('other', timeout=60) as other:
    other.extend(60)
lock = proxy.lock('job 2', timeout=60)
print('after a lock without the proxy, acquire:', lock.acquire(blocking=False))
print('extend:', attempt(lambda: lock.extend(60)))
print('release:', attempt(lock.release))
END
timeout 30 /usr/bin/python3 run.py "$dir/proxy.sock" "$dir/redis.sock" | tee seen
diff seen - <<'END'
EVAL with one key through the proxy: 1
acquire: True
extend: ConnectionError: Connection closed by server.
release: ConnectionError: Connection closed by server.
the key is left: True
after a lock without the proxy, acquire: True
extend: True
release: None
END
echo "as found: redis-py 4.3.4, twemproxy 0.5.0"
