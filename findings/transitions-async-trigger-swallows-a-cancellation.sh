#!/usr/bin/env bash
# Debian's python3-transitions 0.9.0 (AsyncMachine), Python 3.11.
#
# Guess: to cancel a task that awaits a trigger, as when its lock is lost, ends the task, and a timeout around a
#        trigger raises TimeoutError.
# Seen:  the trigger returns False and the task goes on: it is not cancelled, does its next step, and the timeout is
#        never heard of. After one trigger that was awaited to its end in the task that starts the others, it is as
#        guessed, and triggers no longer cancel the work of the state that they leave. (Only a trigger that finds
#        no task in a context variable catches the cancellation and can be cancelled by others. It sets that
#        variable and never resets it, and new tasks inherit it.)
set -euo pipefail
/usr/bin/python3 -c 'import transitions' 2>/dev/null || { echo "install the Debian package python3-transitions" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import asyncio
from transitions.extensions.asyncio import AsyncMachine

class Job:
    work = "did not begin"

    async def on_enter_busy(self):
        self.work = "began"
        try:
            await asyncio.sleep(3)
            self.work = "was finished in " + self.state
        except asyncio.CancelledError:
            self.work = "was cancelled"
            raise

def job():
    job = Job()
    AsyncMachine(job, states=["idle", "ready", "busy", "failed"], initial="idle", transitions=[
        ["prepare", "idle", "ready"], ["start", "ready", "busy"], ["fail", "busy", "failed"]])
    return job

async def run(first):
    async def steps(j):
        result = await j.start()
        print(f"  the task goes on, start returned {result}")
        await asyncio.sleep(0)
        print("  the task has done its next step")

    def prepared():  # in the same task, or in one of its own
        j = job()
        return j, j.prepare() if first else asyncio.create_task(j.prepare())

    print(f"a trigger was awaited before in the task that starts the others: {first}")
    j, ready = prepared()
    await ready
    task = asyncio.create_task(steps(j))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    print("  cancel: the task was cancelled:", task.cancelled())

    j, ready = prepared()
    await ready
    async def limited():
        async with asyncio.timeout(0.5):
            await j.start()
            print("  timeout: past the trigger, within the timeout's block")
    try:
        await asyncio.create_task(limited())
        print("  timeout: no error")
    except TimeoutError:
        print("  timeout: TimeoutError")

    j, ready = prepared()
    await ready
    task = asyncio.create_task(j.start())
    await asyncio.sleep(0.5)
    await asyncio.create_task(j.fail())
    await asyncio.wait([task])
    print("  another trigger leaves the state: the work", j.work)

for first in False, True:
    asyncio.run(run(first))
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
a trigger was awaited before in the task that starts the others: False
  the task goes on, start returned False
  the task has done its next step
  cancel: the task was cancelled: False
  timeout: past the trigger, within the timeout's block
  timeout: no error
  another trigger leaves the state: the work was cancelled
a trigger was awaited before in the task that starts the others: True
  cancel: the task was cancelled: True
  timeout: TimeoutError
  another trigger leaves the state: the work was finished in failed
END
echo "as found: python3-transitions $(dpkg-query -f '${Version}' -W python3-transitions)"
