#!/usr/bin/env bash
# Debian's python3-anyio 3.6.2 and python3-trio 0.22.0.
#
# Guess: of several tasks that wait for a CapacityLimiter the one that has waited longest is next, with each backend.
# Seen:  so it is on trio. On asyncio, the default, the one that came last is next: with new ones coming the first waits
#        for ever. Lock and Semaphore serve the first one on both. (The limiter of asyncio takes waiters from the end of
#        its queue.)
set -euo pipefail
/usr/bin/python3 -c 'import anyio, trio' 2>/dev/null || { echo "install the Debian packages python3-anyio and python3-trio" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import anyio

kinds = {
    "CapacityLimiter": lambda: anyio.CapacityLimiter(1),
    "Semaphore": lambda: anyio.Semaphore(1),
    "Lock": anyio.Lock,
}


async def main(kind):
    resource, order = kinds[kind](), []

    async def use(name):
        async with resource:
            order.append(name)
            await anyio.sleep(0.3)

    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(use, name)
            await anyio.sleep(0.02)
            await anyio.wait_all_tasks_blocked()
    print(kind, *order)


for backend in "asyncio", "trio":
    print(backend)
    for kind in kinds:
        anyio.run(main, kind, backend=backend)
END
timeout 40 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
asyncio
CapacityLimiter a d c b
Semaphore a b c d
Lock a b c d
trio
CapacityLimiter a b c d
Semaphore a b c d
Lock a b c d
END
echo "as found: python3-anyio $(dpkg-query -f '${Version}' -W python3-anyio)"
