#!/usr/bin/env bash
# npm openworkflow 0.10.1 (postgres 3.4.9), node, PostgreSQL 15 of Debian 12.
#
# Guess: of steps in a Promise.all, each runs once, and again only if it failed. "The worker waits for all steps to complete"
#        is what the documentation says of parallel steps.
# Seen:  while a step is at work, a sleep that another branch has come to, or a branch that has failed, ends the pass: the
#        outcome of the step at work is no longer taken, and the next pass runs its function again beside the first call. The
#        pass ends with the first error that leaves the workflow's function, and a sleep is such an error.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -p $port -c listen_addresses=127.0.0.1" -l "$dir/pg/log" -w start >/dev/null
timeout 90 npm install --silent --no-save --prefix "$dir" openworkflow@0.10.1 postgres@3.4.9 >/dev/null
cat >run.mjs <<'END'
import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';

const backend = await BackendPostgres.connect(process.argv[2]);
const ow = new OpenWorkflow({ backend });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// long makes a step of twelve seconds, and counts its calls and how many there are at once.
const count = {};
function long(step, name) {
  const c = count[name] = count[name] ?? { calls: 0, running: 0, most: 0 };
  return step.run({ name }, async () => {
    c.calls++;
    c.most = Math.max(c.most, ++c.running);
    await pause(12000);
    c.running--;
  });
}
const names = ['alone', 'beside a sleep', 'beside one that fails once'];
let failed = false;
const workflows = [
  ow.defineWorkflow({ name: 'alone' }, ({ step }) => Promise.all([
    long(step, names[0]),
    step.run({ name: 'short' }, () => pause(1500)),
  ])),
  ow.defineWorkflow({ name: 'sleep' }, ({ step }) => Promise.all([
    long(step, names[1]),
    step.run({ name: 'short' }, () => pause(1500)).then(() => step.sleep('pause', '1s')),
  ])),
  ow.defineWorkflow({ name: 'fails' }, ({ step }) => Promise.all([
    long(step, names[2]),
    step.run({ name: 'short' }, async () => {
      await pause(1500);
      if (failed) return;
      failed = true;
      throw new Error('once');
    }),
  ])),
];
const worker = ow.newWorker({ concurrency: 3 });
await worker.start();
const handles = await Promise.all(workflows.map((workflow) => workflow.run({})));
for (const [i, handle] of handles.entries()) {
  await handle.result({ timeoutMs: 60000 });
  console.log(`a step of 12 s ${names[i]}: ${count[names[i]].calls} calls, ${count[names[i]].most} at once`);
}
await worker.stop();
await backend.stop();
END
timeout 80 node run.mjs "postgres://postgres@127.0.0.1:$port/postgres" | tee seen
diff seen - <<'END'
a step of 12 s alone: 1 calls, 1 at once
a step of 12 s beside a sleep: 2 calls, 2 at once
a step of 12 s beside one that fails once: 2 calls, 2 at once
END
echo "as found: openworkflow 0.10.1"
