#!/usr/bin/env bash
# Debian's python3-limits 2.8.0 (the limiter of Flask-Limiter) and redis-server.
#
# Guess: a hit whose cost is above the limit is refused: 25 is never within 10 an hour.
# Seen:  the fixed windows refuse it. The moving window lets it through if it is the first, and says then that -15 (in
#        memory) or 0 (with Redis) are left. (It looks at the entry at the place limit minus cost, counted from the newest,
#        and below 0 that place is counted from the oldest: with few entries there is none, which means free.)
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
    storage = storage_from_string(uri)
    for name in "fixed-window", "moving-window":
        limiter, limit = STRATEGIES[name](storage), parse("10/hour")
        passed = limiter.hit(limit, name, cost=25)
        print(uri.split(":")[0], name, "- 25 of 10:", passed, "- left:", limiter.get_window_stats(limit, name)[1])
END
timeout 30 /usr/bin/python3 run.py "$dir/sock" | tee seen
diff seen - <<'END'
memory fixed-window - 25 of 10: False - left: 0
memory moving-window - 25 of 10: True - left: -15
redis+unix fixed-window - 25 of 10: False - left: 0
redis+unix moving-window - 25 of 10: True - left: 0
END
echo "as found: python3-limits $(dpkg-query -f '${Version}' -W python3-limits)"
