#!/usr/bin/env bash
# python3-rq 1.13.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: a scheduler that stops gives up the locks of the queues that it has got.
# Seen:  it deletes the lock of every queue that it was made for, also of those that another scheduler has. A third one
#        then gets such a lock while its holder goes on to schedule, and prolongs the third one's key as its own. The
#        key has the holder's process id in it, which neither the release nor the heartbeat compares.
set -euo pipefail
for command in redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
done
/usr/bin/python3 -c 'import rq' 2>/dev/null || { echo "install the Debian package python3-rq" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.py <<'END'
import logging
import sys

import redis
from rq.scheduler import RQScheduler

client = redis.Redis(unix_socket_path=sys.argv[1])


def scheduler(*queues):
    return RQScheduler(queues, client, logging_level=logging.ERROR)


# One worker for mail, one for mail and reports, as they come and go with a deployment.
mail, both, next_one = scheduler('mail'), scheduler('mail', 'reports'), scheduler('mail')
print('mail gets', sorted(mail.acquire_locks()))
print('both gets', sorted(both.acquire_locks()))
print('next gets', sorted(next_one.acquire_locks()))
both.stop()
print('both has stopped; locks left:', client.keys('rq:scheduler-lock:*'))
print('next gets', sorted(next_one.acquire_locks()))
mail.heartbeat()
print('mail has', sorted(mail.acquired_locks), 'after its next heartbeat')
END
timeout 30 /usr/bin/python3 run.py "$dir/redis.sock" | tee seen
diff seen - <<'END'
mail gets ['mail']
both gets ['reports']
next gets []
both has stopped; locks left: []
next gets ['mail']
mail has ['mail'] after its next heartbeat
END
echo "as found: rq 1.13.0"
