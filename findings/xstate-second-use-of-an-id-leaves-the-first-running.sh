#!/usr/bin/env bash
# npm xstate 5.33.3 in Debian's node.
#
# Guess: a second child, or a second delayed event, with the id of one that is there takes its place: the first is
#        stopped or cancelled, or the second is refused.
# Seen:  both go on, and nothing can end the first any more. A callback actor that renews something goes on after
#        stopChild, and after stop of the parent and of the whole actor. A delayed event that is raised again, as on
#        reentry, comes although cancel was called. No warning is given, also in the development build. (Children and
#        delayed events are found by id, and the second overwrites the entry of the first.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts xstate@5.33.3 >/dev/null
cat >run.js <<'END'
const { createActor, createMachine, cancel, fromCallback, raise, spawnChild, stopChild, SimulatedClock } = require('xstate');
let running = 0;
const renewal = fromCallback(() => {
  running++;
  return () => running--;
});
const parent = createActor(createMachine({
  on: {
    begin: { actions: spawnChild(renewal, { id: 'renewal' }) },
    end: { actions: stopChild('renewal') },
  },
})).start();
for (const type of ['begin', 'begin', 'end', 'end']) {
  parent.send({ type });
  console.log(`${type}: ${running} running, children: ${Object.keys(parent.getSnapshot().children)}`);
}
parent.stop();
console.log(`parent stopped: ${running} running`);

const clock = new SimulatedClock();
let timeouts = 0;
const job = createActor(createMachine({
  initial: 'waiting',
  on: { timeout: { actions: () => timeouts++ } },
  states: {
    waiting: {
      entry: raise({ type: 'timeout' }, { id: 'timeout', delay: 1000 }),
      on: { again: { target: 'waiting', reenter: true }, done: { target: 'idle', actions: cancel('timeout') } },
    },
    idle: {},
  },
}), { clock }).start();
job.send({ type: 'again' });
job.send({ type: 'done' });
clock.increment(2000);
console.log(`delayed events after cancel: ${timeouts}`);
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
begin: 1 running, children: renewal
begin: 2 running, children: renewal
end: 1 running, children: 
end: 1 running, children: 
parent stopped: 1 running
delayed events after cancel: 1
END
echo "as found: xstate 5.33.3"
