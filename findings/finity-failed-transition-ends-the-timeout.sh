#!/usr/bin/env bash
# npm finity 0.5.4, Debian's python3-transitions 0.9.0.
#
# Guess: if a callback of a transition fails and the machine stays in its state, that state's timeout still runs.
# Seen:  the machine stays and its timeout is gone: nothing ends a wait any more that was to end by itself. In
#        finity the result of the state's asynchronous action is not heard either, so a job that ends is "running" for
#        ever. In transitions it is so if the failing callback is that of the exit, and not if it comes earlier.
#        (Both stop the timer first, and a failure does not start it again.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
/usr/bin/python3 -c 'import transitions' 2>/dev/null || { echo "install the Debian package python3-transitions" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm pack --silent finity@0.5.4 >/dev/null
tar xzf finity-0.5.4.tgz
cat >run.js <<'END'
const Finity = require('./package/lib/index.js').default;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fail = () => { throw new Error('no connection'); };
(async () => {
  for (const failing of [false, true]) {
    const machine = Finity.configure()
      .initialState('waiting').onTimeout(1000).transitionTo('expired').on('pause').transitionTo('paused')
      .state('paused').onEnter(fail).start();
    const job = Finity.configure()
      .initialState('running').do(() => sleep(1000)).onSuccess().transitionTo('done').on('pause').transitionTo('paused')
      .state('paused').onEnter(fail).start();
    for (const m of failing ? [machine, job] : []) {
      try {
        m.handle('pause');
      } catch (e) {
        console.log(`pause: ${e.message}, in ${m.getCurrentState()}`);
      }
    }
    await sleep(4000);
    console.log(`finity, later in ${machine.getCurrentState()} and ${job.getCurrentState()}`);
  }
})();
END
cat >run.py <<'END'
import time
from transitions import Machine
from transitions.extensions.states import Timeout, add_state_features

@add_state_features(Timeout)
class TimedMachine(Machine):
    pass

class Job:
    def fail(self):
        raise OSError("no connection")

for failing in "nothing", "before", "on_exit":
    job = Job()
    waiting = {"name": "waiting", "timeout": 1, "on_timeout": "expire"}
    pause = {"trigger": "pause", "source": "waiting", "dest": "paused"}
    if failing == "before":
        pause["before"] = "fail"
    if failing == "on_exit":
        waiting["on_exit"] = lambda: job.fail() if not job.late else None
    job.late = False
    TimedMachine(job, states=["idle", waiting, "paused", "expired"], initial="idle",
                 transitions=[["wait", "idle", "waiting"], pause, ["expire", "waiting", "expired"]])
    job.wait()
    if failing != "nothing":
        try:
            job.pause()
        except OSError as e:
            print(f"pause: {e}, in {job.state}")
    job.late = True
    time.sleep(4)
    print(f"transitions, {failing} failed, later in {job.state}")
END
{ timeout 40 node run.js; timeout 60 /usr/bin/python3 run.py; } | tee seen
diff seen - <<'END'
finity, later in expired and done
pause: no connection, in waiting
pause: no connection, in running
finity, later in waiting and running
transitions, nothing failed, later in expired
pause: no connection, in waiting
transitions, before failed, later in expired
pause: no connection, in waiting
transitions, on_exit failed, later in waiting
END
echo "as found: finity 0.5.4, python3-transitions $(dpkg-query -f '${Version}' -W python3-transitions)"
