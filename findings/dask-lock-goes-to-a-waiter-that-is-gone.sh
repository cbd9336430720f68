#!/usr/bin/env bash
# Debian's python3-distributed 2022.12.1.
#
# Guess: a Lock is free once its holder's client is closed, and a waiter whose task was cancelled, or whose client is
#        closed, does not get it.
# Seen:  each of the three has the lock for as long as the scheduler runs. (The scheduler keeps the lock by an id of the
#        Lock object, and does not connect it with a client: a request to acquire goes on without its caller.)
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
        def client():
            return Client(scheduler.address, asynchronous=True, set_as_default=False)

        async with client() as lasting:
            async def state(name):
                await asyncio.sleep(2)
                return "free" if await Lock(name, client=lasting).acquire(timeout=3) else "taken"

            async with client() as c:
                await Lock("one", client=c).acquire()
            print("the holder's client is closed:", await state("one"))

            for name in "two", "three":
                holder = Lock(name, client=lasting)
                await holder.acquire()
                async with client() as c:
                    waiting = asyncio.create_task(Lock(name, client=c).acquire())
                    await asyncio.sleep(2)
                    if name == "two":
                        waiting.cancel()
                        await asyncio.sleep(1)
                        await holder.release()
                        print("the waiter was cancelled, the holder has released:", await state(name))
                if name == "three":
                    await asyncio.sleep(1)
                    await holder.release()
                    print("the waiter's client is closed, the holder has released:", await state(name))


asyncio.run(main())
END
timeout 80 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
the holder's client is closed: taken
the waiter was cancelled, the holder has released: taken
the waiter's client is closed, the holder has released: taken
END
echo "as found: python3-distributed $(dpkg-query -f '${Version}' -W python3-distributed)"
