#!/usr/bin/env bash
# npm ioredis-mock 8.13.1 with ioredis 5.11.1 and a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: ioredis-mock does what Redis does or, as for commands that it does not have, throws an error.
# Seen:  it takes options and drops them. KEEPTTL loses the TTL, GT, NX and XX of PEXPIRE are not asked, XADD takes an id
#        below the last one. A script's nil and numbers come back as false and unrounded, so "null means taken" fails.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save ioredis-mock@8.13.1 ioredis@5.11.1 >/dev/null
cat >run.mjs <<'END'
import Redis from 'ioredis';
import Mock from 'ioredis-mock';

for (const [name, client] of [['Redis', new Redis({ path: process.argv[2] })], ['ioredis-mock', new Mock()]]) {
  const show = async (what, call) => console.log(`${name}: ${what}: ${await call.catch((err) => `error ${err.name}`)}`);
  await client.set('lock', 'me', 'PX', 60000);
  await client.set('lock', 'still me', 'KEEPTTL');
  await show('TTL after KEEPTTL', client.ttl('lock'));
  await client.pexpire('lock', 60000);
  await show('PEXPIRE GT of less', client.pexpire('lock', 1000, 'GT'));
  await show('PEXPIRE NX', client.pexpire('lock', 5000, 'NX'));
  await show('TTL', client.ttl('lock'));
  await client.xadd('log', '5-5', 'a', '1');
  await show('XADD below', client.xadd('log', '5-1', 'a', '1'));
  await show('script, SET NX', client.eval("return redis.call('SET', KEYS[1], 'you', 'NX')", 1, 'lock'));
  await show('script, 3.9', client.eval('return 3.9', 0));
  client.disconnect();
}
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
Redis: TTL after KEEPTTL: 60
Redis: PEXPIRE GT of less: 0
Redis: PEXPIRE NX: 0
Redis: TTL: 60
Redis: XADD below: error ReplyError
Redis: script, SET NX: null
Redis: script, 3.9: 3
ioredis-mock: TTL after KEEPTTL: -1
ioredis-mock: PEXPIRE GT of less: 1
ioredis-mock: PEXPIRE NX: 1
ioredis-mock: TTL: 5
ioredis-mock: XADD below: 5-1-0
ioredis-mock: script, SET NX: false
ioredis-mock: script, 3.9: 3.9
END
echo "as found: ioredis-mock 8.13.1"
