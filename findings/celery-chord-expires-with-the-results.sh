#!/usr/bin/env bash
# python3-celery 5.2.6 of Debian 12, python3-redis 4.3.4, Redis 7.0.15 as its broker and for its results.
#
# Guess: `result_expires` is for how long results are kept. The body of a chord runs when the last task of the header has
#        succeeded, or its error callback is called if the results of the first ones are gone by then.
# Seen:  if the first task of the header ends later than `result_expires` after the chord was sent, a day by default, or
#        the next one later than that after the one before, neither is called, ever: the body stays PENDING, and the
#        worker says that each task has succeeded. The key with the size of the chord is set with that time to live,
#        which each end of a task renews; without it the last task is taken for one of no chord.
set -euo pipefail
python=/usr/bin/python3
$python -c 'import celery, redis' 2>/dev/null || { echo "install the Debian packages python3-celery and python3-redis" >&2; exit 1; }
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >redis.log &
for _ in $(seq 100); do [ "$(redis-cli -s redis.sock ping 2>/dev/null)" != PONG ] || break; sleep 0.1; done
cat >app.py <<'END'
import os
import time
from celery import Celery

url = 'redis+socket://' + os.path.abspath('redis.sock')
app = Celery('app', broker=url, backend=url)
app.conf.result_expires = 5


@app.task
def part(name):
    while not os.path.exists(name):
        time.sleep(0.1)
    return name


@app.task
def body(names):
    with open('called', 'a') as file:
        file.write('body of %s\n' % ', '.join(names))


@app.task
def failed(*_):
    with open('called', 'a') as file:
        file.write('error callback\n')
END
cat >run.py <<'END'
import time
from celery import chord
from app import body, failed, part


def end(name):
    open(name, 'w').close()


def state(result, seconds):
    until = time.time() + seconds
    while result.state == 'PENDING' and time.time() < until:
        time.sleep(0.1)
    return result.state


def send(*names):
    return chord([part.s(name) for name in names])(body.s().on_error(failed.s()))


end('a1'), end('a2')
first = send('a1', 'a2')
print('both tasks end at once: the body is', state(first, 40))
end('b1')
second, third = send('b1', 'b2'), send('c1', 'c2')
time.sleep(17)
end('b2'), end('c1'), end('c2')
print('both tasks end after 17 s: the body is', state(third, 10))
print('one ends at once, the other after 17 s: the body is', state(second, 1))
END
timeout 100 $python -m celery -A app worker -P threads -c 4 -l info --without-gossip --without-mingle >worker.log 2>&1 &
timeout 100 $python run.py 2>run.log | tee seen
{
	cat called
	echo "tasks that the worker calls succeeded: $(grep -c 'Task app.part.* succeeded' worker.log)"
} | tee -a seen
diff seen - <<'END'
both tasks end at once: the body is SUCCESS
both tasks end after 17 s: the body is PENDING
one ends at once, the other after 17 s: the body is PENDING
body of a1, a2
tasks that the worker calls succeeded: 6
END
echo "as found: celery 5.2.6"
