#!/usr/bin/env bash
# npm pg-workflows 0.15.0 (pg-boss 12.38.0, pg 8.23.1), node, PostgreSQL 15 of Debian 12.
#
# Guess: a run whose function has returned is completed, with what it returned: also if it returned early as there was nothing
#        to do, or left out its last step, which stands in an if. With `singleton` the next run can be started then.
# Seen:  it stays "running" for ever, without an output, and nothing comes to fail it later. A singleton can never be started
#        again until someone cancels the run. As the function returns, the library looks whether the current step is the last
#        one that it has found in the function's source text, and only then completes the run.
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
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	pg-workflows@0.15.0 pg-boss@12.38.0 pg@8.23.1 @opentelemetry/api@1.9.0 >/dev/null
cat >run.mjs <<'END'
import { WorkflowEngine, workflow } from 'pg-workflows';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const logger = { log() {}, error() {} };
const workflows = [
  workflow('early return', async ({ step, input }) => {
    const found = await step.run('look', async () => ({ work: input.work }));
    if (!found.work) return 'nothing to do';
    await step.run('work', async () => 'done');
    return 'worked';
  }, { singleton: true }),
  workflow('last step in an if', async ({ step, input }) => {
    await step.run('look', async () => 'found');
    if (input.work) await step.run('work', async () => 'done');
    return 'over';
  }),
];
const engine = new WorkflowEngine({ connectionString: process.argv[2], workflows, logger });
await engine.start();
const start = (workflowId, work) => engine.startWorkflow({ workflowId, input: { work } });
const runs = [
  [await start('last step in an if', true), 'with its last step'],
  [await start('last step in an if', false), 'without its last step'],
  [await start('early return', false), 'returned early'],
];
await pause(12000);
for (const [run, what] of runs) {
  const { status, output } = await engine.getRun({ runId: run.id });
  console.log(`${what}: ${status}, output ${JSON.stringify(output)}`);
}
console.log('the next run of the singleton:', await start('early return', true).then(() => 'started', (error) => `refused, ${error.constructor.name}`));
await engine.cancelWorkflow({ runId: runs[2][0].id });
console.log('after a cancel:', await start('early return', true).then(() => 'started', (error) => `refused, ${error.constructor.name}`));
process.exit(0);
END
timeout 60 node run.mjs "postgres://postgres@127.0.0.1:$port/postgres" | tee seen
diff seen - <<'END'
with its last step: completed, output "over"
without its last step: running, output null
returned early: running, output null
the next run of the singleton: refused, WorkflowRunInProgressError
after a cancel: started
END
echo "as found: pg-workflows 0.15.0"
