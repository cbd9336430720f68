#!/usr/bin/env bash
# Debian's python3-cachelib 0.9.0 (the caches of Flask-Caching and of werkzeug before) and redis-server.
#
# Guess: add, "like set, but does not overwrite existing keys", takes a key whose timeout is over: a lock that its
#        holder does not give up is free then.
# Seen:  with RedisCache it does. With SimpleCache and FileSystemCache has says False, get says None, and add is refused
#        for as long as nobody calls set or delete. (Their add looks for the entry or the file, and not at its time;
#        expired entries are dropped only when there are more than the threshold of 500.)
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
/usr/bin/python3 -c 'import cachelib, redis' 2>/dev/null || { echo "install the Debian packages python3-cachelib and python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/sock" --save '' >/dev/null & server=$!
for _ in $(seq 100); do [ "$(redis-cli -s sock ping 2>/dev/null)" != PONG ] || break; sleep 0.1; done
cat >run.py <<'END'
import sys
import time

import redis
from cachelib import FileSystemCache, RedisCache, SimpleCache

client = redis.Redis(unix_socket_path=sys.argv[1])
caches = RedisCache(host=client), SimpleCache(), FileSystemCache(sys.argv[2])
for cache in caches:
    cache.add("lock", "first", timeout=1)
time.sleep(4)
for cache in caches:
    name = type(cache).__name__
    print(f"{name}: has: {bool(cache.has('lock'))}, add: {bool(cache.add('lock', 'second', timeout=60))}, get: {cache.get('lock')}")
END
timeout 30 /usr/bin/python3 run.py "$dir/sock" "$dir/files" | tee seen
diff seen - <<'END'
RedisCache: has: False, add: True, get: second
SimpleCache: has: False, add: False, get: None
FileSystemCache: has: False, add: False, get: None
END
echo "as found: python3-cachelib $(dpkg-query -f '${Version}' -W python3-cachelib)"
