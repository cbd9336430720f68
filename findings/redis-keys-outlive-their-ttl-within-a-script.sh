#!/usr/bin/env bash
# redis-server of Debian 12 (7.0.15), its own redis-cli.
#
# Guess: while a script runs time stands still, so that a key which is there at its
#        beginning is there at its end, and TIME and PTTL give the same answer twice.
# Seen:  the key is there, long past its expiry, but TIME goes on, and PTTL falls to 0.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
redis-server --version
cat >script.lua <<'END'
redis.call('SET', KEYS[1], 'v', 'PX', 100)
local began, first = redis.call('TIME'), redis.call('PTTL', KEYS[1])
local last, n = first, 0
while last > 0 and n < 1e7 do -- a few hundred milliseconds at most
  last, n = redis.call('PTTL', KEYS[1]), n + 1
end
local ended = redis.call('TIME')
return {
  'TIME moved: ' .. tostring(began[1] ~= ended[1] or began[2] ~= ended[2]),
  'PTTL fell to 0: ' .. tostring(first > 0 and last == 0),
  'the key is there: ' .. tostring(redis.call('EXISTS', KEYS[1]) == 1),
}
END
redis-cli -s "$dir/redis.sock" --eval script.lua key | tee seen
diff seen - <<'END'
TIME moved: true
PTTL fell to 0: true
the key is there: true
END
echo "as found: redis-server $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')"
