#!/usr/bin/env bash
# Debian's python3-limits 2.8.0 (the limiter of Flask-Limiter) and redis-server.
#
# Guess: a hit that is refused takes nothing: of 10 a minute, after a hit of cost 8 and a refused one of cost 5, two
#        more of cost 1 pass.
# Seen:  with the fixed windows the refused hit takes all that is left, and nothing passes until the window ends; with
#        the moving window two pass. It is the same in memory and with Redis. (A fixed window adds the cost first and
#        then compares the sum; the moving window compares before it adds.)
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
/usr/bin/python3 -c 'import limits, redis' 2>/dev/null || { echo "install the Debian packages python3-limits and python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/sock" --save '' >/dev/null & server=$!
for _ in $(seq 100); do [ "$(redis-cli -s sock ping 2>/dev/null)" != PONG ] || break; sleep 0.1; done
cat >run.py <<'END'
import sys

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import STRATEGIES

for uri in "memory://", "redis+unix://" + sys.argv[1]:
    storage = storage_from_string(uri)  # a limiter does not keep it
    for name, strategy in STRATEGIES.items():
        limiter, limit = strategy(storage), parse("10/hour")
        hits = [limiter.hit(limit, name, cost=cost) for cost in (8, 5, 1, 1)]
        print(uri.split(":")[0], name, "- costs of 8, 5, 1, 1:", *hits)
END
timeout 30 /usr/bin/python3 run.py "$dir/sock" | tee seen
diff seen - <<'END'
memory fixed-window - costs of 8, 5, 1, 1: True False False False
memory fixed-window-elastic-expiry - costs of 8, 5, 1, 1: True False False False
memory moving-window - costs of 8, 5, 1, 1: True False True True
redis+unix fixed-window - costs of 8, 5, 1, 1: True False False False
redis+unix fixed-window-elastic-expiry - costs of 8, 5, 1, 1: True False False False
redis+unix moving-window - costs of 8, 5, 1, 1: True False True True
END
echo "as found: python3-limits $(dpkg-query -f '${Version}' -W python3-limits)"
