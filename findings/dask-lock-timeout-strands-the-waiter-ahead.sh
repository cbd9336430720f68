#!/usr/bin/env bash
# Debian's python3-distributed 2022.12.1.
#
# Guess: of two clients that wait for a Lock, one gives up after its timeout with False, and the other gets the lock.
# Seen:  if the later one gives up first, its acquire raises AssertionError, and the other waits on for ever beside a
#        free lock, which anybody else can take. (The scheduler takes the first event off the queue of the lock's
#        waiters, whoever gave up, and a release wakes the first event that is left.)
set -euo pipefail
/usr/bin/python3 -c 'import distributed' 2>/dev/null || { echo "install the Debian package python3-distributed" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import asyncio
import logging

from distributed import Client, Lock, Scheduler

logging.disable(logging.CRITICAL)


async def main():
    async with Scheduler(port=0, host="127.0.0.1", dashboard=False) as scheduler:
        clients = [await Client(scheduler.address, asynchronous=True, set_as_default=False) for _ in range(4)]
        holder, first, second, other = (Lock("job", client=c) for c in clients)
        await holder.acquire()
        waiting = asyncio.create_task(first.acquire())
        await asyncio.sleep(3)
        try:
            print("the second waiter gives up:", await second.acquire(timeout=1))
        except AssertionError:
            print("the second waiter gives up: AssertionError")
        await holder.release()
        done, _ = await asyncio.wait({waiting}, timeout=6)
        print("the first waiter has the lock:", bool(done))
        print("another takes it at once:", await other.acquire(timeout=2))
        for c in clients:
            await c.close()


asyncio.run(main())
END
timeout 80 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
the second waiter gives up: AssertionError
the first waiter has the lock: False
another takes it at once: True
END
echo "as found: python3-distributed $(dpkg-query -f '${Version}' -W python3-distributed)"
