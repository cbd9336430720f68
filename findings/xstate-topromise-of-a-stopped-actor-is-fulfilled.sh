#!/usr/bin/env bash
# npm xstate 5.33.3 in Debian's node.
#
# Guess: toPromise gives the output of an actor that is done. If it is stopped before, the promise is rejected or
#        stays open, as that of waitFor is rejected.
# Seen:  it is fulfilled with undefined: who awaits a job takes one that was stopped for one that is done. So it is
#        for a machine and for a promise actor. A toPromise that is called after the stop stays open for ever.
#        (toPromise takes any completion of its subscription as success; stop completes those that are there, and a
#        later one is never completed.)
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
const { createActor, createMachine, fromPromise, toPromise, waitFor } = require('xstate');
const job = createMachine({ initial: 'busy', states: { busy: { on: { finish: 'done' } }, done: { type: 'final' } }, output: 'the output' });
const long = fromPromise(() => new Promise((resolve) => setTimeout(resolve, 1000, 'the output')));
const outcome = (promise) => Promise.race([
  promise.then((value) => `fulfilled: ${value}`, (error) => `rejected: ${error.message}`),
  new Promise((resolve) => setTimeout(resolve, 3000, 'still open')),
]);
(async () => {
  for (const [name, logic] of Object.entries({ machine: job, promise: long })) {
    for (const stop of [false, true]) {
      const actor = createActor(logic).start();
      const results = [toPromise(actor), waitFor(actor, (snapshot) => snapshot.status === 'done')].map(outcome);
      if (stop) actor.stop();
      else actor.send({ type: 'finish' });
      const [output, wait] = await Promise.all(results);
      console.log(`${name}, ${stop ? 'stopped' : 'done'}: toPromise ${output}; waitFor ${wait.replace('[object Object]', 'a snapshot')}`);
      console.log(`  status ${actor.getSnapshot().status}, toPromise now: ${await outcome(toPromise(actor))}`);
    }
  }
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
machine, done: toPromise fulfilled: the output; waitFor fulfilled: a snapshot
  status done, toPromise now: fulfilled: the output
machine, stopped: toPromise fulfilled: undefined; waitFor rejected: Actor terminated without satisfying predicate
  status stopped, toPromise now: still open
promise, done: toPromise fulfilled: the output; waitFor fulfilled: a snapshot
  status done, toPromise now: fulfilled: the output
promise, stopped: toPromise fulfilled: undefined; waitFor rejected: Actor terminated without satisfying predicate
  status stopped, toPromise now: still open
END
echo "as found: xstate 5.33.3"
