#!/usr/bin/env bash
# npm antietcd 1.3.1, Node.js 20.
#
# Guess: a transaction with a comparison of target VALUE, which the README has, holds if the key has the value. Keys and
#        values are "always encoded in base64". A lock that is released with "if the value is my token, delete" is gone.
# Seen:  the comparison never holds, and the lock stays. With the default use_base64, the keys of comparisons and the
#        values of puts are decoded; the value of a comparison is not, so it is compared as it came. The plain text does
#        hold. A LEASE comparison of a key without a lease holds for no number at all, also not for the "0" of etcd.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" antietcd@1.3.1 >/dev/null
cat >run.js <<'END'
const { once } = require('events');
const AntiEtcd = require('antietcd');

const encode = (text) => Buffer.from(text).toString('base64');
const key = encode('lock');
(async () => {
  const server = new AntiEtcd({ ip: '127.0.0.1', port: '0' });
  await server.start();
  if (!server.server.listening) await once(server.server, 'listening');
  const { port } = server.server.address();
  const call = async (path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return response.json();
  };
  const release = async (what, comparison) => {
    await call('kv/put', { key, value: encode('token') });
    const { succeeded } = await call('kv/txn',
      { compare: [{ key, ...comparison }], success: [{ request_delete_range: { key } }] });
    const { kvs } = await call('kv/range', { key });
    console.log(`${what}: succeeded ${succeeded}, the lock is ${kvs.length ? 'still there' : 'gone'}`);
  };
  await release('value in base64', { target: 'VALUE', value: encode('token') });
  await release('value as it is', { target: 'VALUE', value: 'token' });
  await release('lease "0"', { target: 'LEASE', lease: '0' });
  await release('lease 0', { target: 'LEASE', lease: 0 });
  process.exit();
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
value in base64: succeeded false, the lock is still there
value as it is: succeeded true, the lock is gone
lease "0": succeeded false, the lock is still there
lease 0: succeeded false, the lock is still there
END
echo "as found: antietcd 1.3.1"
