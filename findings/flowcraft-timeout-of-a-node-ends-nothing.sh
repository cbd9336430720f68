#!/usr/bin/env bash
# npm flowcraft 2.10.1, Node.js 20.
#
# Guess: "built-in support for retries, fallbacks, timeouts": a node with `timeout` in its config that takes longer fails
#        then, is tried again as `maxRetries` says, and its `fallback` comes in at last, as after an error.
# Seen:  the node runs to its end, however late, once, and the run is "completed" with its output. The type has the
#        field, which so passes the compiler, and nothing in the runtime reads it. After an error the retries and the
#        fallback do come.
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

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const runtime = new FlowRuntime();
const round = async (what, work) => {
  let tries = 0;
  let fallbacks = 0;
  const { status, context } = await createFlow('lease')
    .node('acquire', async () => { tries += 1; await work(); return { output: 'got it, late' }; },
      { config: { timeout: 100, maxRetries: 2, fallback: 'give up' } })
    .node('give up', async () => { fallbacks += 1; return { output: 'gave up' }; })
    .node('end', async ({ input }) => ({ output: input }))
    .edge('acquire', 'end')
    .run(runtime, {});
  console.log(`${what}: ${status}, tries ${tries}, fallbacks ${fallbacks}, output ${context.end}`);
};
await round('a node that throws', async () => { throw new Error('no answer'); });
await round('a node that takes 30 times its timeout', () => sleep(3000));
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
a node that throws: completed, tries 2, fallbacks 1, output gave up
a node that takes 30 times its timeout: completed, tries 1, fallbacks 0, output got it, late
END
echo "as found: flowcraft 2.10.1"
