#!/usr/bin/env bash
# Debian's python3-distributed 2022.12.1.
#
# Guess: an item that is put into a Queue goes to a client that is there, not to one that was closed while it waited in
#        get, or whose get was cancelled.
# Seen:  the next item is lost for each of these: the queue is empty, and who waits beside them gets the item after. A get
#        with a timeout that is over takes none. (The scheduler goes on with a request whose caller is gone, takes the
#        item out of the queue for it and cannot hand it over.)
set -euo pipefail
/usr/bin/python3 -c 'import distributed' 2>/dev/null || { echo "install the Debian package python3-distributed" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import asyncio
import logging

from distributed import Client, Queue, Scheduler

logging.disable(logging.CRITICAL)


async def main():
    async with Scheduler(port=0, host="127.0.0.1", dashboard=False) as scheduler:
        def client():
            return Client(scheduler.address, asynchronous=True, set_as_default=False)

        async with client() as lasting:
            for how in "its timeout is over", "cancelled", "closed":
                jobs = await Queue(how, client=lasting)
                async with client() as gone:
                    timeout = 1 if how.startswith("its") else None
                    waiting = asyncio.create_task((await Queue(how, client=gone)).get(timeout=timeout))
                    await asyncio.sleep(3)
                    if how == "cancelled":
                        waiting.cancel()
                await asyncio.sleep(1)
                got = []
                await jobs.put("job 1")
                await jobs.put("job 2")
                await asyncio.sleep(1)
                while await jobs.qsize():
                    got.append(await jobs.get(timeout=5))
                print(f"a get that was waiting, {how}; the others get:", *got)


asyncio.run(main())
END
timeout 80 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
a get that was waiting, its timeout is over; the others get: job 1 job 2
a get that was waiting, cancelled; the others get: job 2
a get that was waiting, closed; the others get: job 2
END
echo "as found: python3-distributed $(dpkg-query -f '${Version}' -W python3-distributed)"
