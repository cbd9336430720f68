#!/usr/bin/env bash
# Debian's python3-distributed 2022.12.1.
#
# Guess: a MultiLock of two names that waits with num_locks=1 takes the first one that becomes free and leaves the other.
# Seen:  it stays in the queue of the other. When that one's holder releases it, the release fails with KeyError and the
#        lock passes to the MultiLock, which has both from then on; who waits behind it waits until it is released.
#        (The requests that are left are dropped only when enough locks are free at once. The scheduler then looks for
#        the waiter's event, which it deleted when acquire returned.)
set -euo pipefail
/usr/bin/python3 -c 'import distributed' 2>/dev/null || { echo "install the Debian package python3-distributed" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import asyncio
import logging

from distributed import Client, MultiLock, Scheduler

logging.disable(logging.CRITICAL)


async def main():
    async with Scheduler(port=0, host="127.0.0.1", dashboard=False) as scheduler:
        clients = [await Client(scheduler.address, asynchronous=True, set_as_default=False) for _ in range(4)]
        left = MultiLock(["left"], client=clients[0])
        right = MultiLock(["right"], client=clients[1])
        either = MultiLock(["left", "right"], client=clients[2])
        behind = MultiLock(["right"], client=clients[3])
        await left.acquire()
        await right.acquire()
        waiting = asyncio.create_task(either.acquire(num_locks=1))
        await asyncio.sleep(2)
        await left.release()
        print("one of the two:", await waiting)
        waiting = asyncio.create_task(behind.acquire())
        await asyncio.sleep(2)
        try:
            await right.release()
            print("right is released")
        except KeyError:
            print("right is released: KeyError")
        done, _ = await asyncio.wait({waiting}, timeout=5)
        print("the next one has right:", bool(done))
        await either.release()
        done, _ = await asyncio.wait({waiting}, timeout=20)
        print("after the release of the first, the next one has right:", bool(done))
        for c in clients:
            await c.close()


asyncio.run(main())
END
timeout 80 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
one of the two: True
right is released: KeyError
the next one has right: False
after the release of the first, the next one has right: True
END
echo "as found: python3-distributed $(dpkg-query -f '${Version}' -W python3-distributed)"
