#!/usr/bin/env bash
# npm flowcraft 2.10.1, Node.js 20.
#
# Guess: an edge with an `action` "is only taken if the source node returns a matching action string in its result". A
#        node that returns an action without an edge, or none, ends its branch: neither "granted" nor "refused" is run.
# Seen:  if no edge matches, all of them are taken and every target runs, and the run is "completed". With one that
#        matches, or an edge without an action beside it, only that one is taken. When nothing is next, flowcraft looks
#        for nodes all of whose predecessors have ended, and leaves out those with a `condition`, not those with an action.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" flowcraft@2.10.1 >/dev/null
cat >run.mjs <<'END'
import { createFlow, FlowRuntime } from 'flowcraft';

const runtime = new FlowRuntime();
const round = async (what, result, edges) => {
  const ran = [];
  let flow = createFlow('lease').node('acquire', async () => result);
  for (const name of ['granted', 'refused', 'other']) flow = flow.node(name, async () => { ran.push(name); return {}; });
  for (const [target, options] of edges) flow = flow.edge('acquire', target, options);
  // A node without an edge would begin at the start: the one left over gets an edge that is never taken.
  for (const name of ['granted', 'refused', 'other']) {
    if (!edges.some(([target]) => target === name)) flow = flow.edge('acquire', name, { condition: 'result.never' });
  }
  const { status } = await flow.run(runtime, {});
  console.log(`${what}: ${status}, ran ${ran.sort().join(' and ') || 'none'}`);
};
const byAction = [['granted', { action: 'granted' }], ['refused', { action: 'refused' }]];
await round('action refused', { output: 1, action: 'refused' }, byAction);
await round('action timeout', { output: 1, action: 'timeout' }, byAction);
await round('no action', { output: 1 }, byAction);
await round('action timeout, with a plain edge', { output: 1, action: 'timeout' }, [...byAction, ['other', undefined]]);
await round('false conditions', { output: 1 },
  [['granted', { condition: 'result.granted' }], ['refused', { condition: 'result.refused' }]]);
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
action refused: completed, ran refused
action timeout: completed, ran granted and refused
no action: completed, ran granted and refused
action timeout, with a plain edge: completed, ran other
false conditions: completed, ran none
END
echo "as found: flowcraft 2.10.1"
