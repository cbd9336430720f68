#!/usr/bin/env bash
# npm openworkflow 0.10.1 (postgres 3.4.9), node, PostgreSQL 15 of Debian 12.
#
# Guess: a finally block around step.sleep runs once, when the block is left after the sleep, so that a workflow can hold
#        a resource across a sleep. "When the sleep finishes, a worker picks the workflow back up and continues from where
#        it left off" is what its documentation says.
# Seen:  catch and finally run as the workflow goes to sleep. Their steps are stored as done: the resource is released
#        before the work that it protects, and not after it. A catch that undoes what was done does so, and the workflow
#        completes without the work. step.sleep, waitForSignal and runWorkflow wait by throwing an error of the library's
#        own through the workflow's function, and steps are still accepted while it passes.
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
const done = { leased: [], undone: [], signalled: [] };
const run = (list, step, name) => step.run({ name }, async () => { list.push(name); });
const workflows = [
  ow.defineWorkflow({ name: 'leased' }, async ({ step }) => {
    await run(done.leased, step, 'lock');
    try {
      await step.sleep('pause', '1s');
      await run(done.leased, step, 'work');
    } finally {
      await run(done.leased, step, 'unlock');
    }
    return 'worked';
  }),
  ow.defineWorkflow({ name: 'undone' }, async ({ step }) => {
    await run(done.undone, step, 'reserve');
    try {
      await step.sleep('pause', '1s');
      await run(done.undone, step, 'work');
      return 'worked';
    } catch (error) {
      await run(done.undone, step, 'undo');
      return `undone after ${error.name}`;
    }
  }),
  ow.defineWorkflow({ name: 'signalled' }, async ({ step }) => {
    await run(done.signalled, step, 'lock');
    try {
      await step.waitForSignal({ signal: 'go', timeout: '1s' });
      await run(done.signalled, step, 'work');
    } finally {
      await run(done.signalled, step, 'unlock');
    }
    return 'worked';
  }),
];
const worker = ow.newWorker({ concurrency: 3 });
await worker.start();
for (const [i, name] of Object.keys(done).entries()) {
  const result = await (await workflows[i].run({})).result({ timeoutMs: 25000 });
  console.log(`${name}: ${done[name].join(', ')}; result: ${result}`);
}
await worker.stop();
await backend.stop();
END
timeout 80 node run.mjs "postgres://postgres@127.0.0.1:$port/postgres" | tee seen
diff seen - <<'END'
leased: lock, unlock, work; result: worked
undone: reserve, undo; result: undone after SleepSignalError
signalled: lock, unlock, work; result: worked
END
echo "as found: openworkflow 0.10.1"
