#!/usr/bin/env bash
# npm @imqueue/pg-pubsub 1.10.0 with PostgreSQL 15 of Debian 12.
#
# Guess: of the processes with singleListener, the default, one listens; if it is killed, the next one that finds the
#        lock free listens ("if it dies, next one which is live will immediately handle listening").
# Seen:  after acquireInterval the next one has the lock, says that the channel is active, and never gets a message,
#        nor does any other: the lock is free for no one. Only a lock that was given up in order is followed by LISTEN;
#        the timer that finds a dead holder's lock takes the lock alone.
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
const quiet = { log() {}, info() {}, warn() {}, error() {} };
const pubSub = () => new PgPubSub({
  connectionString: `postgres://postgres@localhost/postgres?host=${process.argv[2]}`, acquireInterval: 1000, logger: quiet,
});
if (process.argv[3]) {
  const listener = pubSub();
  listener.on('message', (channel, payload) => process.send({ message: payload }));
  listener.on('connect', () => listener.listen('jobs').then(() => process.send({ started: true })));
  listener.connect();
  process.on('message', () => process.send({ active: listener.isActive('jobs') }));
} else {
  (async () => {
    for (const end of ['SIGTERM', 'SIGKILL']) {
      const messages = [];
      const active = {};
      const start = (name) => new Promise((started) => {
        const child = fork(__filename, [process.argv[2], name]);
        child.on('message', (m) => {
          if (m.started) started(child);
          if (m.message) messages.push(`${name} ${m.message}`);
          if ('active' in m) active[name] = m.active;
        });
      });
      const first = await start('first');
      const second = await start('second');
      const sender = new PgPubSub({ connectionString: `postgres://postgres@localhost/postgres?host=${process.argv[2]}`, singleListener: false, logger: quiet });
      await sender.connect();
      await sender.notify('jobs', 'one');
      await sleep(1000);
      first.kill(end);
      await sleep(4000);
      await sender.notify('jobs', 'two');
      second.send('active?');
      await sleep(2000);
      console.log(`${end}: messages: ${messages.join(', ')}; the second is active: ${active.second}`);
      second.kill('SIGTERM');
      await sleep(2000);
      await sender.close();
    }
    process.exit();
  })();
}
END
timeout 60 node run.js "$dir/pg" | tee seen
diff seen - <<'END'
SIGTERM: messages: first one, second two; the second is active: true
SIGKILL: messages: first one; the second is active: true
END
echo "as found: pg-pubsub 1.10.0"
