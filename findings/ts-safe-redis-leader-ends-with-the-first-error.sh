#!/usr/bin/env bash
# npm ts-safe-redis-leader 0.0.5, ioredis 5.11.1, with a redis-server of Debian 12 (7.0.15).
#
# Guess: an election that fails for an error of Redis emits "error" and goes on: when Redis is back, one leads.
# Seen:  the first error is the last thing that an instance does. A leader neither renews nor says "demoted", one that
#        waits never tries again, and when all have had an error, as at a restart of Redis, there is no leader until
#        someone calls elect again. The next step is set up after a success alone.
set -euo pipefail
for command in node npm redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
start() {
	redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
	until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
}
start
timeout 90 npm install --silent --no-save --prefix "$dir" ts-safe-redis-leader@0.0.5 ioredis@5.11.1 >/dev/null
cat >run.js <<'END'
const { SafeRedisLeader } = require('ts-safe-redis-leader');
const { Redis } = require('ioredis');
const fs = require('fs');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const file = async (name) => { while (!fs.existsSync(name)) await sleep(100); };
(async () => {
  const events = [];
  const instances = [];
  for (const name of ['a', 'b']) {
    const redis = new Redis({ path: process.argv[2], maxRetriesPerRequest: 0 }); // as in the README
    redis.on('error', () => {});
    const leader = new SafeRedisLeader(redis, 3000, 500, 'job');
    for (const event of ['elected', 'notElected', 'demoted', 'renew', 'error']) leader.on(event, () => events.push(`${name} ${event}`));
    await leader.elect();
    instances.push(leader);
  }
  await sleep(2500);
  const leads = async () => (await Promise.all(instances.map((i) => i.isLeader()))).join(', ');
  console.log('leads:', await leads(), '- events:', [...new Set(events)].join(', '));
  events.length = 0;
  fs.writeFileSync('stop', '');
  await file('started');
  await sleep(1000);
  console.log('errors while Redis started again:', [...new Set(events.filter((e) => e.endsWith('error')))].sort().join(', '));
  events.length = 0;
  await sleep(12000);
  console.log('12 s later, leads:', await leads(), '- events:', events.length);
  process.exit();
})();
END
timeout 60 node run.js "$dir/redis.sock" >seen & node=$!
until [ -e stop ]; do kill -0 "$node"; sleep 0.1; done
kill "$server"
wait "$server" 2>/dev/null || true
sleep 5
start
touch started
wait "$node"
cat seen
diff seen - <<'END'
leads: true, false - events: a elected, b notElected, a renew
errors while Redis started again: a error, b error
12 s later, leads: false, false - events: 0
END
echo "as found: ts-safe-redis-leader 0.0.5"
