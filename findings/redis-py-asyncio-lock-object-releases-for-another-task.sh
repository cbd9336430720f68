#!/usr/bin/env bash
# Debian's python3-redis 4.3.4 (redis.asyncio) and redis-server.
#
# Guess: a task that releases its expired lock gets LockNotOwnedError if another task has it by now, also if both use
#        one Lock object: its documentation tells how thread_local keeps the token of one from the other.
# Seen:  the release succeeds and deletes the other task's lock, which that one goes on with; its own release fails.
#        Threads with the Lock of redis are kept apart. (The asynchronous Lock too keeps its token in thread-local
#        storage, which all tasks of an event loop share.)
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
/usr/bin/python3 -c 'import redis.asyncio' 2>/dev/null || { echo "install the Debian package python3-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/sock" --save '' >/dev/null & server=$!
for _ in $(seq 100); do [ "$(redis-cli -s sock ping 2>/dev/null)" != PONG ] || break; sleep 0.1; done
cat >run.py <<'END'
import asyncio
import sys
import threading

import redis
import redis.asyncio


async def tasks():
    client = redis.asyncio.Redis(unix_socket_path=sys.argv[1])
    lock, released = client.lock("tasks", timeout=1), asyncio.Event()

    async def first():
        await lock.acquire()
        await taken.wait()
        try:
            await lock.release()
            print("tasks, release by the first: done")
        except redis.exceptions.LockError as e:
            print("tasks, release by the first:", type(e).__name__)
        released.set()

    async def second():
        await lock.acquire()  # waits until the first one's has expired
        await lock.extend(600)
        taken.set()
        await released.wait()
        print("tasks, the second one's lock is there:", bool(await client.exists("tasks")))

    taken = asyncio.Event()
    await asyncio.gather(first(), second())


def threads():
    client = redis.Redis(unix_socket_path=sys.argv[1])
    lock = client.lock("threads", timeout=1)
    lock.acquire()

    def second():
        lock.acquire()
        lock.extend(600)

    other = threading.Thread(target=second)
    other.start()
    other.join()
    try:
        lock.release()
        print("threads, release by the first: done")
    except redis.exceptions.LockError as e:
        print("threads, release by the first:", type(e).__name__)
    print("threads, the second one's lock is there:", bool(client.exists("threads")))


asyncio.run(tasks())
threads()
END
timeout 40 /usr/bin/python3 run.py "$dir/sock" | tee seen
diff seen - <<'END'
tasks, release by the first: done
tasks, the second one's lock is there: False
threads, release by the first: LockNotOwnedError
threads, the second one's lock is there: True
END
echo "as found: python3-redis $(dpkg-query -f '${Version}' -W python3-redis)"
