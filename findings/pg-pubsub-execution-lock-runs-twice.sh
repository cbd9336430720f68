#!/usr/bin/env bash
# npm @imqueue/pg-pubsub 1.10.0 with PostgreSQL 15 of Debian 12.
#
# Guess: with executionLock all processes listen, and each notification is processed by one of them ("only one listener
#        can process a notification").
# Seen:  one that comes to it after the first is done, as it was busy for a second, processes it again. The lock is
#        given up as soon as the handlers have been called, which do not have to be done by then, and nothing is left
#        that says that the notification was processed. On a machine with work to do it happens to one in a few.
set -euo pipefail
command -v g++ >/dev/null && command -v make >/dev/null || { echo "install the Debian packages g++ and make" >&2; exit 1; }
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
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
timeout 110 npm install --silent --no-save --prefix "$dir" @imqueue/pg-pubsub@1.10.0 >/dev/null
cat >run.js <<'END'
const { PgPubSub } = require('@imqueue/pg-pubsub');
const { fork } = require('child_process');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const pubSub = (options) => new PgPubSub({
  connectionString: `postgres://postgres@localhost/postgres?host=${process.argv[2]}`, logger: { log() {}, info() {}, warn() {}, error() {} }, ...options,
});
if (process.argv[3]) {
  const listener = pubSub({ executionLock: true });
  listener.on('message', (channel, payload) => process.send({ message: payload }));
  listener.on('connect', () => listener.listen('jobs').then(() => process.send({ started: true })));
  process.on('message', ({ busy }) => { const end = Date.now() + busy; while (Date.now() < end); });
  listener.connect();
} else {
  (async () => {
    const messages = [];
    const start = (name) => new Promise((started) => {
      const child = fork(__filename, [process.argv[2], name]);
      child.on('message', (m) => {
        if (m.started) started(child);
        if (m.message) messages.push(`${name} ${m.message}`);
      });
    });
    const first = await start('first');
    const second = await start('second');
    const sender = pubSub({ singleListener: false });
    await sender.connect();
    await sender.notify('jobs', 'one'); // sets up the table of locks
    await sleep(3000);
    messages.length = 0;
    second.send({ busy: 4000 });
    await sleep(1000);
    await sender.notify('jobs', 'two');
    await sleep(7000);
    console.log(messages.join(', '));
    first.kill();
    second.kill();
    process.exit();
  })();
}
END
timeout 60 node run.js "$dir/pg" 2>err | tee seen
diff seen - <<'END' || { cat err; exit 1; }
first two, second two
END
echo "as found: pg-pubsub 1.10.0"
