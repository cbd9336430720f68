#!/usr/bin/env bash
# gunicorn 20.1.0 of Debian 12.
#
# Guess: a second gunicorn that is told to listen on the Unix socket of one that is at work is refused, as it is on a TCP
#        port ("Connection in use"); when it has ended, the first one goes on as before.
# Seen:  it starts and gets all requests from then on, while the first one works on unheard, and at its end it deletes the
#        socket: nobody answers any more, though the first one is there. It deletes whatever socket it finds before it
#        binds, without a try whether anyone listens. With `--pid`, and one pid file for both, the second is refused.
set -euo pipefail
for program in gunicorn curl; do
	command -v $program >/dev/null || { echo "install the Debian packages gunicorn and curl" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
cat >app.py <<'END'
import os


def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [os.environ['NAME'].encode()]
END
serve() { NAME=$1 exec gunicorn --bind "unix:$dir/socket" "${@:2}" app:app >"$1.log" 2>&1; }
ask() { timeout 10 curl -s --unix-socket socket http://localhost/ || echo nobody; }
wait_for() { for _ in $(seq 300); do [ "$(ask)" != "$1" ] || return 0; sleep 0.1; done; cat *.log >&2; return 1; }
serve first --pid "$dir/pid" &
first=$!
wait_for first
{
	echo "one instance: $(ask) answers"
	status=0
	(serve third --pid "$dir/pid") || status=$?
	echo "another with its pid file: exit status $status, $(ask) answers"
} | tee seen
serve second &
second=$!
wait_for second
echo "another without it: $(ask) answers" | tee -a seen
kill $second
wait $second || true
sleep 1
echo "after its end: $(ask) answers, the first is $(kill -0 $first && echo 'at work')" | tee -a seen
diff seen - <<'END'
one instance: first answers
another with its pid file: exit status 1, first answers
another without it: second answers
after its end: nobody answers, the first is at work
END
echo "as found: gunicorn 20.1.0"
