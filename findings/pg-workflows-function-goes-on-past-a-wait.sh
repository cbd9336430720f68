#!/usr/bin/env bash
# npm pg-workflows 0.15.0 (pg-boss 12.38.0, pg 8.23.1), node, PostgreSQL 15 of Debian 12.
#
# Guess: what stands behind `await step.delay` or `await step.waitFor` runs when the delay is over or the event has come: its
#        documentation says that the workflow pauses there, and resumes.
# Seen:  the await ends at once with undefined, and the function runs on to its end: a lease is released as the delay begins,
#        before the work, and once more after it, and an answer is taken for a no before anybody has given one. Only steps
#        are left out meanwhile, since the run is marked as paused in the database: each wait and step then does nothing
#        and returns, and the whole function is called again when it is over.
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
const log = [];
const workflows = [
  workflow('lease', async ({ step }) => {
    await step.run('acquire', async () => log.push('acquire'));
    try {
      await step.delay('cool off', '2 seconds');
      await step.run('work', async () => log.push('work'));
    } finally {
      log.push('release');
    }
  }),
  workflow('question', async ({ step }) => {
    const answer = await step.waitFor('ask', { eventName: 'answered' });
    log.push(answer?.yes ? 'yes' : 'no');
    await step.run('end', async () => log.push('end'));
  }),
];
const engine = new WorkflowEngine({ connectionString: process.argv[2], workflows, logger });
await engine.start();

// until waits until the run has the status, with a limit.
async function until(run, status) {
  for (let i = 0; i < 100; i++) {
    if ((await engine.getRun({ runId: run.id })).status === status) break;
    await pause(200);
  }
  await pause(1000);
}
const lease = await engine.startWorkflow({ workflowId: 'lease', input: {} });
await until(lease, 'completed');
console.log(`lease: ${log.join(', ')}`);
log.length = 0;
const question = await engine.startWorkflow({ workflowId: 'question', input: {} });
await until(question, 'paused');
console.log(`question, before there is an answer: ${log.join(', ')}`);
await engine.triggerEvent({ runId: question.id, eventName: 'answered', data: { yes: true } });
await until(question, 'completed');
console.log(`question: ${log.join(', ')}`);
process.exit(0);
END
timeout 60 node run.mjs "postgres://postgres@127.0.0.1:$port/postgres" | tee seen
diff seen - <<'END'
lease: acquire, release, work, release
question, before there is an answer: no
question: no, yes, end
END
echo "as found: pg-workflows 0.15.0"
