#!/usr/bin/env bash
# python3-tooz 3.1.0 with python3-redis 4.3.4 and redis-server 7.0.15 of Debian 12.
#
# Guess: when a heartbeat finds that a lock has run out and another has it, "acquired" is false, or the heartbeat fails;
#        a member of a group that goes on with its heartbeats is a member.
# Seen:  the heartbeat logs a warning and succeeds, "acquired" is true until release is called, and only
#        is_still_owner asks the server. A member that was late by one membership_timeout is struck off by the first
#        other that looks, and no later heartbeat brings it back: it may still hold the group's locks, and must join
#        again, though leave_group would say that it never joined. A heartbeat writes one key of the member, not the group.
set -euo pipefail
for command in redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
done
/usr/bin/python3 -c 'import redis, tooz' 2>/dev/null || { echo "install the Debian packages python3-tooz and python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.py <<'END'
import sys
import time

from tooz import coordination

url = 'redis://' + sys.argv[1]
a = coordination.get_coordinator(url + '?timeout=2', b'a')
b = coordination.get_coordinator(url + '?timeout=60', b'b')
a.start()
b.start()
a.create_group(b'workers').get()
a.join_group(b'workers').get()
held, wanted = a.get_lock(b'job'), b.get_lock(b'job')
print('a acquires:', held.acquire(blocking=False))
time.sleep(6)
print('6 s of 2 later, b acquires:', wanted.acquire(blocking=False))
print('b sees the members', sorted(b.get_members(b'workers').get()))
print('a: heartbeat without an error:', a.heartbeat() is not None, 'acquired:', held.acquired,
      'is_still_owner:', held.is_still_owner())
print('b sees the members', sorted(b.get_members(b'workers').get()))
print('a sees the members', sorted(a.get_members(b'workers').get()))
END
timeout 60 /usr/bin/python3 run.py "$dir/redis.sock" 2>log | tee seen
diff seen - <<'END'
a acquires: True
6 s of 2 later, b acquires: True
b sees the members []
a: heartbeat without an error: True acquired: True is_still_owner: False
b sees the members []
a sees the members []
END
grep -q "Unable to heartbeat lock" log
echo "as found: tooz 3.1.0"
