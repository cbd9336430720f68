#!/usr/bin/env bash
# python3-rq 1.13.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: a job that is enqueued with the job_id of one that waits already is refused, or takes its place: it runs once.
# Seen:  it runs twice, both times with the arguments of the second, and two workers run it at the same time. The job's
#        hash is written over, and its id is on the queue twice; nothing asks whether it is there. The first call is
#        lost, though enqueue has returned a job for it.
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
cat >jobs.py <<'END'
import sys
import time

import redis


def export(path, month):
    client = redis.Redis(unix_socket_path=path)
    client.rpush('log', 'start ' + month)
    while client.llen('log') < 2 and client.incr('waited') < 100:  # for the other one, if there is one
        time.sleep(0.1)
    client.rpush('log', 'end ' + month)
END
cat >run.py <<'END'
import subprocess
import sys

import redis
from rq import Queue

from jobs import export

client = redis.Redis(unix_socket_path=sys.argv[1])
if len(sys.argv) > 2:
    from rq import SimpleWorker
    SimpleWorker(['exports'], connection=client).work(burst=True, logging_level='ERROR')
else:
    queue = Queue('exports', connection=client)
    for month in ('May', 'June'):
        queue.enqueue(export, sys.argv[1], month, job_id='export')
    print('on the queue:', queue.job_ids)
    workers = [subprocess.Popen([sys.executable, __file__, sys.argv[1], 'work']) for _ in range(2)]
    for worker in workers:
        worker.wait(30)
    print(', '.join(line.decode() for line in client.lrange('log', 0, -1)))
END
timeout 60 /usr/bin/python3 run.py "$dir/redis.sock" | tee seen
diff seen - <<'END'
on the queue: ['export', 'export']
start June, start June, end June, end June
END
echo "as found: rq 1.13.0"
