#!/usr/bin/env bash
# Debian's python3-cachelib 0.9.0 (the caches of Flask-Caching and of werkzeug before) and redis-server.
#
# Guess: inc of a counter that was set with a timeout of 2 seconds adds 1 and leaves its time as it is, with each cache.
# Seen:  with SimpleCache and FileSystemCache inc gives it the default timeout of the cache, 5 minutes: the counter is
#        there 8 seconds later. With RedisCache inc of a key that set has written raises ResponseError, and one of a new
#        key makes a counter that never ends. (The first two read the value and set the new one without a timeout;
#        RedisCache pickles numbers too, which INCRBY cannot read.)
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
for cache in SimpleCache(), FileSystemCache(sys.argv[2]), RedisCache(host=client):
    name = type(cache).__name__
    try:
        cache.set("set", 1, timeout=2)
        cache.set("set, inc", 1, timeout=2)
        print(name, "- inc:", cache.inc("set, inc"))
        time.sleep(8)
        print("  8 s later:", {key: cache.get(key) for key in ("set", "set, inc")})
    except redis.ResponseError as e:
        print(name, "- inc:", e)
cache.inc("new")
print("  inc of a new key:", cache.get("new"), "- time to live:", client.ttl("new"))
END
timeout 50 /usr/bin/python3 run.py "$dir/sock" "$dir/files" | tee seen
diff seen - <<'END'
SimpleCache - inc: 2
  8 s later: {'set': None, 'set, inc': 2}
FileSystemCache - inc: 2
  8 s later: {'set': None, 'set, inc': 2}
RedisCache - inc: value is not an integer or out of range
  inc of a new key: 1 - time to live: -1
END
echo "as found: python3-cachelib $(dpkg-query -f '${Version}' -W python3-cachelib)"
