#!/usr/bin/env bash
# npm @xstate/graph 3.0.4, xstate 5.33.3.
#
# Guess: getShortestPaths finds every state that the machine can reach, and getAdjacencyMap every transition.
# Seen:  neither, if the machine has a history state: what is remembered does not count as a part of the state. The
#        first way to "paused" hides all others, and states that only another way leads to are never found, nor
#        tested by a model that is made of the paths. (States are told apart by value and context alone.)
#        The option serializeState can add the history; its default does not.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts @xstate/graph@3.0.4 xstate@5.33.3 >/dev/null
cat >run.js <<'END'
const { createActor, createMachine } = require('xstate');
const { getAdjacencyMap, getShortestPaths } = require('@xstate/graph');
const machine = createMachine({
  initial: 'active',
  states: {
    active: {
      type: 'parallel',
      states: {
        lock: { initial: 'free', states: { free: { on: { start: 'held' } }, held: {}, last: { id: 'last', type: 'history' } } },
        work: { initial: 'ready', states: { ready: { on: { start: 'busy' } }, busy: {} } },
      },
      on: { pause: 'paused' },
    },
    paused: { on: { resume: '#last' } },
  },
});
const text = (value) => JSON.stringify(value).replace(/"/g, '');
const actor = createActor(machine).start();
for (const type of ['start', 'pause', 'resume']) actor.send({ type });
console.log('the machine after start, pause, resume:', text(actor.getSnapshot().value));
const withHistory = ({ value, historyValue }) => JSON.stringify([value, Object.entries(historyValue).map(([id, nodes]) => [id, nodes.map((n) => n.id)])]);
for (const [name, options] of Object.entries({ default: {}, 'serializeState with history': { serializeState: withHistory } })) {
  const map = Object.values(getAdjacencyMap(machine, options));
  const resumed = map.flatMap(({ transitions }) => Object.values(transitions)).filter(({ event }) => event.type === 'resume');
  console.log(`${name}: states that getShortestPaths finds:`);
  for (const path of getShortestPaths(machine, options)) console.log(`  ${text(path.state.value)} after ${path.steps.slice(1).map((s) => s.event.type)}`);
  console.log('  resume leads to:', [...new Set(resumed.map(({ state }) => text(state.value)))].join(' or '));
}
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
the machine after start, pause, resume: {active:{lock:held,work:ready}}
default: states that getShortestPaths finds:
  {active:{lock:free,work:ready}} after 
  paused after pause
  {active:{lock:held,work:busy}} after start
  resume leads to: {active:{lock:free,work:ready}}
serializeState with history: states that getShortestPaths finds:
  {active:{lock:free,work:ready}} after 
  paused after pause
  {active:{lock:held,work:busy}} after start
  {active:{lock:free,work:ready}} after pause,resume
  paused after start,pause
  {active:{lock:held,work:busy}} after pause,resume,start
  {active:{lock:held,work:ready}} after start,pause,resume
  {active:{lock:held,work:busy}} after start,pause,resume,start
  resume leads to: {active:{lock:free,work:ready}} or {active:{lock:held,work:ready}}
END
echo "as found: @xstate/graph 3.0.4, xstate 5.33.3"
