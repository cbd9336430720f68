#!/usr/bin/env bash
# npm bpmn-engine 25.0.1 with bpmn-elements 17.3.0, xstate 5.33.3, in node 20 with its mock timers.
#
# Guess: a timer of 30 days in a process ("P30D") comes after 30 days, as one of 20 days does after 20; or at once, as with
#        setTimeout alone, which has room for 24.8 days, and as in xstate.
# Seen:  it never comes while the process runs on, and nothing says so: the timer is in the list of those that run. From
#        2^31-1 ms on setTimeout is not called at all, and nobody looks at the timer later. Only a process that is stopped
#        and recovered takes up the time that is left. The documentation says that a setTimeout is set for the duration.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
node -e 'process.exit(require("node:test").mock.timers ? 0 : 1)' 2>/dev/null || { echo "install a node from version 20 on" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" bpmn-engine@25.0.1 bpmn-elements@17.3.0 xstate@5.33.3 >/dev/null
cat >run.mjs <<'END'
import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import { Engine } from 'bpmn-engine';
import { createActor, createMachine } from 'xstate';

const day = 24 * 3600 * 1000;
const actor = createActor(createMachine({ initial: 'held', states: { held: { after: { [30 * day]: 'lost' } }, lost: {} } })).start();
await new Promise((resolve) => setTimeout(resolve, 500));
console.log(`xstate, 30 days: after half a second in ${actor.getSnapshot().value}`);

mock.timers.enable({ apis: ['setTimeout', 'Date'] });
const source = (duration) => `<?xml version="1.0"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:lease">
  <process id="lease" isExecutable="true">
    <userTask id="held"/>
    <boundaryEvent id="expired" attachedToRef="held"><timerEventDefinition>
      <timeDuration xsi:type="tFormalExpression">${duration}</timeDuration>
    </timerEventDefinition></boundaryEvent>
  </process>
</definitions>`;
async function settle() {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}
for (const duration of ['P20D', 'P30D']) {
  const listener = new EventEmitter();
  let days = 0, expired = 'not in 100 days';
  listener.on('activity.timeout', () => { expired = `after ${days} days`; });
  const engine = new Engine({ name: duration, source: source(duration) });
  await engine.execute({ listener });
  await settle();
  for (; days < 100; mock.timers.tick(day), await settle()) days++;
  console.log(`bpmn-engine, ${duration}: expired ${expired}; timers in its list: ${engine.environment.timers.executing.length}`);
  if (expired.startsWith('after')) continue;
  const recovered = new Engine({ name: 'recovered' }).recover(JSON.parse(JSON.stringify(await engine.getState())));
  await recovered.resume({ listener });
  await settle();
  console.log(`bpmn-engine, ${duration}, recovered: expired ${expired}`);
}
process.exit(0);
END
timeout 60 node --no-warnings run.mjs | tee seen
diff seen - <<'END'
xstate, 30 days: after half a second in lost
bpmn-engine, P20D: expired after 20 days; timers in its list: 0
bpmn-engine, P30D: expired not in 100 days; timers in its list: 1
bpmn-engine, P30D, recovered: expired after 100 days
END
echo "as found: bpmn-engine 25.0.1"
