#!/usr/bin/env bash
# Debian 12: python3-taskflow 5.0.0 with python3-redis 4.3.4, Redis 7.0.15.
#
# Guess: extend_expiry of a job whose claim has expired says False, also when another has claimed it since: it is how a worker
#        that keeps its claim alive hears that it has lost it. A claim that is refused changes nothing.
# Seen:  it says True and extends the claim of the other, for as long as the first goes on: two work on the job, and if the
#        other dies, its claim does not end. extend_expiry sets the key's time without a look at the owner in it, where
#        consume and abandon compare it. A claim by the owner of a job that it has already is refused, and has prolonged the
#        claim.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
/usr/bin/python3 -c 'import taskflow, redis' 2>/dev/null || { echo "install the Debian packages python3-taskflow and python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >/dev/null & server=$!
for _ in {1..150}; do redis-cli -s "$dir/redis.sock" ping >/dev/null 2>&1 && break; sleep 0.2; done
cat >run.py <<'END'
import time

from taskflow import exceptions
from taskflow.jobs import backends


def board():
    board = backends.fetch('jobs', {'board': 'redis', 'unix_socket_path': 'redis.sock'})
    board.connect()
    return board


one, two = board(), board()
one.post('job')
job_of_one, job_of_two = next(one.iterjobs()), next(two.iterjobs())
one.claim(job_of_one, 'one', expiry=60)
try:
    one.claim(job_of_one, 'one', expiry=1000)
except exceptions.UnclaimableJob:
    print('one claims it again: refused, and the claim lasts', 'longer' if job_of_one.expires_in() > 60 else 'as before')
print('one extends its own claim to 1 s:', job_of_one.extend_expiry(1))
time.sleep(3)
print('one extends its claim that has expired:', job_of_one.extend_expiry(60))
two.claim(job_of_two, 'two', expiry=60)
print('two claims it, then one extends its claim to 1000 s:', job_of_one.extend_expiry(1000))
print('the claim of', two.find_owner(job_of_two), 'lasts', 'longer' if job_of_two.expires_in() > 60 else 'as before')
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
one claims it again: refused, and the claim lasts longer
one extends its own claim to 1 s: True
one extends its claim that has expired: False
two claims it, then one extends its claim to 1000 s: True
the claim of two lasts longer
END
echo "as found: taskflow 5.0.0"
