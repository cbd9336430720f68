#!/usr/bin/env bash
# redis-sentinel and redis-server 7.0.15, redis-tools of Debian 12, and npm ioredis 5.8.2.
#
# Guess: SENTINEL FAILOVER of a master that is well demotes it as the replica is promoted, or cuts off its clients: what
#        is taken after it is taken from the new master. Clients that find their master by Sentinel follow.
# Seen:  the old master stays a master for some ten seconds more, as Sentinel only turns it into a replica once it has
#        reported to be a master for 8 s after the switch. ioredis, which asks Sentinel when it connects, goes on with
#        it all that time: it gets a lock there that another client gets from the new master, and the first is thrown
#        away later, without an error. With failoverDetector: true it follows at once.
set -euo pipefail
for command in node npm redis-server redis-sentinel redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm, redis-server and redis-sentinel" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" ioredis@5.8.2 >/dev/null
free() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
one=$(free) two=$(free) sentinel=$(free)
redis-server --port "$one" --bind 127.0.0.1 --save '' --repl-diskless-sync-delay 0 --dir "$dir" >/dev/null &
redis-server --port "$two" --bind 127.0.0.1 --save '' --replicaof "127.0.0.1 $one" --dir "$dir" >/dev/null &
cat >sentinel.conf <<END
port $sentinel
bind 127.0.0.1
dir $dir
sentinel monitor main 127.0.0.1 $one 1
sentinel down-after-milliseconds main 30000
END
redis-sentinel sentinel.conf >/dev/null &
until redis-cli -p "$sentinel" sentinel replicas main 2>/dev/null | grep -A1 master-link-status | grep -q ok; do sleep 0.2; done
cat >run.js <<'END'
const { Redis } = require('ioredis');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const [one, two, sentinel] = process.argv.slice(2).map(Number);
const client = (options) => new Redis({ sentinels: [{ host: '127.0.0.1', port: sentinel }], name: 'main', ...options }).on('error', () => {});
const role = async (server) => (await server.role())[0];
(async () => {
  const [old, next] = [one, two].map((port) => new Redis({ port }));
  const asked = new Redis({ port: sentinel });
  const first = client();
  const watchful = client({ failoverDetector: true });
  await Promise.all([first.ping(), watchful.ping()]);
  await asked.call('SENTINEL', 'FAILOVER', 'main');
  while (Number((await asked.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main'))[1]) !== two) await sleep(50);
  await sleep(2000);
  console.log(`two seconds after the failover: the old one is a ${await role(old)}, the new one a ${await role(next)}`);
  console.log('the first client gets the lock:', await first.set('job', 'first', 'PX', 60000, 'NX'));
  const second = client();
  console.log('a new client gets the lock:', await second.set('job', 'second', 'PX', 60000, 'NX'));
  console.log('the first finds as its holder:', await first.get('job'), 'the one with failoverDetector:', await watchful.get('job'));
  let later = 2;
  while (await role(old).catch(() => '') !== 'slave') { await sleep(1000); later++; }
  console.log(`the old one became a replica at least 5 s after the failover: ${later >= 5}`);
  await sleep(2000);
  console.log('then the first finds:', await first.get('job'));
  process.exit();
})();
END
timeout 80 node run.js "$one" "$two" "$sentinel" | tee seen
diff seen - <<'END'
two seconds after the failover: the old one is a master, the new one a master
the first client gets the lock: OK
a new client gets the lock: OK
the first finds as its holder: first the one with failoverDetector: second
the old one became a replica at least 5 s after the failover: true
then the first finds: second
END
echo "as found: Redis Sentinel 7.0.15, ioredis 5.8.2"
