#!/usr/bin/env bash
# Debian's python3-distributed 2022.12.1.
#
# Guess: close of a Semaphore ends its leases and the waiting for them: who waits gets an exception, as an acquire of a
#        closed one does, and a semaphore that is made again under its name is free.
# Seen:  who waits, waits on for ever. The new one is taken, for as long as the process that held the closed one lives
#        and does not release. (A client prolongs its leases every 6 seconds, and the scheduler writes a lease down that
#        it does not know; close deletes the event on which the waiter waits.)
set -euo pipefail
/usr/bin/python3 -c 'import distributed' 2>/dev/null || { echo "install the Debian package python3-distributed" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import asyncio
import logging
import os

from distributed import Client, Scheduler, Semaphore

logging.disable(logging.CRITICAL)


async def main():
    scheduler = await Scheduler(port=0, host="127.0.0.1", dashboard=False)
    clients = [await Client(scheduler.address, asynchronous=True, set_as_default=False) for _ in range(3)]

    async def semaphore(client):
        with client.as_current():
            made = Semaphore(max_leases=1, name="licence")
        return await made

    holder, waiter = await semaphore(clients[0]), await semaphore(clients[1])
    await holder.acquire()
    waiting = asyncio.create_task(waiter.acquire())
    await asyncio.sleep(2)
    await holder.close()
    try:
        await waiter.acquire(timeout=3)
    except RuntimeError:
        print("closed; an acquire: RuntimeError")
    done, _ = await asyncio.wait({waiting}, timeout=20)
    print("closed; who was waiting has an answer:", bool(done))
    new = await semaphore(clients[2])
    print("made again; another acquires it:", await new.acquire(timeout=8))
    await holder.release()
    print("the holder of the closed one releases; another acquires the new one:", await new.acquire(timeout=20))
    await new.release()
    done, _ = await asyncio.wait({waiting}, timeout=6)
    print("it is free; who was waiting has an answer:", bool(done), flush=True)
    os._exit(0)


asyncio.run(main())
END
timeout 85 /usr/bin/python3 -W ignore run.py 2>/dev/null | tee seen
diff seen - <<'END'
closed; an acquire: RuntimeError
closed; who was waiting has an answer: False
made again; another acquires it: False
the holder of the closed one releases; another acquires the new one: True
it is free; who was waiting has an answer: False
END
echo "as found: python3-distributed $(dpkg-query -f '${Version}' -W python3-distributed)"
