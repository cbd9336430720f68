#!/usr/bin/env bash
# Debian 12: python3-redis 4.3.4 (redis-py) and redis-server 7.0.15.
#
# Guess: acquire() of a Lock gets a free lock also if the connection breaks just then, when the client is one that tries failed
#        commands again (retry and retry_on_error), as documented for all commands.
# Seen:  if the answer is lost after the server has set the key, acquire(blocking=False) says False with nobody else there, and a
#        waiting one waits for its own key to expire. A lock without a timeout is then taken for ever by nobody. The SET with NX
#        that is sent again finds the key of the first, and its token, which only that call knew, is thrown away.
set -euo pipefail
for command in redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
done
/usr/bin/python3 -c 'import redis' 2>/dev/null || { echo "install the Debian package python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.py <<'END'
import socket
import threading
import time
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

break_at = []  # what a request has in it whose answer is lost with the connection, once


def carry(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect('redis.sock')
    while request := client.recv(65536):
        server.sendall(request)
        answer = server.recv(65536)
        if break_at and break_at[0] in request:
            break_at.clear()
            break
        client.sendall(answer)
    client.close()
    server.close()


def listen(way):
    while True:
        threading.Thread(target=carry, args=[way.accept()[0]], daemon=True).start()


way = socket.socket(socket.AF_UNIX)
way.bind('way.sock')
way.listen()
threading.Thread(target=listen, args=[way], daemon=True).start()
client = redis.Redis(unix_socket_path='way.sock', retry=Retry(NoBackoff(), 3), retry_on_error=[redis.ConnectionError])

lock = client.lock('job', timeout=30)
break_at.append(b'NX')
print('free; acquire:', lock.acquire(blocking=False), '- locked:', lock.locked(), '- owned:', lock.owned())
client.delete('job')

lock = client.lock('job', timeout=6)
break_at.append(b'NX')
start = time.monotonic()
print('free; waiting acquire:', lock.acquire(), '- after the whole timeout:', time.monotonic() - start > 5)
lock.release()

lock = client.lock('job')
break_at.append(b'NX')
print('free, no timeout; acquire:', lock.acquire(blocking_timeout=3), '- time to live of the key:', client.pttl('job'))
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
free; acquire: False - locked: True - owned: False
free; waiting acquire: True - after the whole timeout: True
free, no timeout; acquire: False - time to live of the key: -1
END
echo "as found: redis-py 4.3.4"
