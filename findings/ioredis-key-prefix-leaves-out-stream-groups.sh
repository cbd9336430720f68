#!/usr/bin/env bash
# npm ioredis 5.11.1 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: keyPrefix is put before every key of every command, as its documentation says, with the exception of patterns of
#        KEYS and SCAN that it names. So programs with prefixes of their own do not meet.
# Seen:  commands with a subcommand before the key, XGROUP, XINFO, OBJECT and MEMORY USAGE, go to the key without the
#        prefix, while XADD, XREADGROUP and XACK have it. XGROUP CREATE ... MKSTREAM makes a stream outside the prefix
#        and no group for the readers; XGROUP DESTROY takes another program's group with its pending entries.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save ioredis@5.11.1  >/dev/null
cat >run.mjs <<'END'
import Redis from 'ioredis';

const [path] = process.argv.slice(2);
const app = new Redis({ path, keyPrefix: 'app:' }), other = new Redis({ path });
const show = async (what, call) => console.log(`${what}: ${JSON.stringify(await call.catch((err) => err.message.split(' ')[0]))}`);
await show('group of the program with a prefix', app.xgroup('CREATE', 'jobs', 'workers', '$', 'MKSTREAM'));
await show('its XREADGROUP', app.xreadgroup('GROUP', 'workers', 'me', 'STREAMS', 'jobs', '>'));
await show('keys', other.keys('*'));
await app.xadd('jobs', '1-1', 'job', '1');
await other.xadd('jobs', '2-1', 'job', '2');
await other.xreadgroup('GROUP', 'workers', 'other', 'STREAMS', 'jobs', '>');
await show('pending entries of the other program', other.xpending('jobs', 'workers').then(([count]) => count));
await show('XINFO of the program with a prefix', app.xinfo('STREAM', 'jobs').then((info) => info[info.indexOf('last-generated-id') + 1]));
await show('its XGROUP DESTROY', app.xgroup('DESTROY', 'jobs', 'workers'));
await show('groups of the other program', other.xinfo('GROUPS', 'jobs'));
await app.set('lock', 'me');
await show('OBJECT ENCODING of the key that it has set', app.object('ENCODING', 'lock'));
app.disconnect();
other.disconnect();
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
group of the program with a prefix: "OK"
its XREADGROUP: "NOGROUP"
keys: ["jobs"]
pending entries of the other program: 1
XINFO of the program with a prefix: "2-1"
its XGROUP DESTROY: 1
groups of the other program: []
OBJECT ENCODING of the key that it has set: null
END
echo "as found: ioredis 5.11.1"
