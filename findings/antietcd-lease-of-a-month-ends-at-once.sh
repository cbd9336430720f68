#!/usr/bin/env bash
# npm antietcd 1.3.1, Node.js 20.
#
# Guess: a lease of 30 days lasts, or is refused. The ID of a request, which the README has for /v3/lease/grant, is the
#        ID of the lease, so that a holder that has got no answer can ask again for the same one.
# Seen:  the lease is granted with its full TTL and ends within a millisecond, with its keys. The end is a timer of
#        Node.js, which takes no more than 2^31 ms (24 days and 20 hours) and makes 1 ms of anything longer. The ID
#        is not looked at: each request makes a new lease, and a keepalive with the ID that was asked for fails.
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
(async () => {
  const server = new AntiEtcd({ ip: '127.0.0.1', port: '0' });
  await server.start();
  if (!server.server.listening) await once(server.server, 'listening');
  const { port } = server.server.address();
  const call = async (path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`,
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return response.ok ? response.json() : (await response.text()).split(':')[0].trim();
  };
  for (const days of [20, 30]) {
    const { ID, TTL } = await call('lease/grant', { TTL: days * 86400 });
    console.log(`lease of ${days} days: granted for ${TTL / 86400} days`);
    await new Promise((done) => setTimeout(done, 2000));
    const answer = await call('kv/put', { key: encode('lock'), value: encode('me'), lease: ID });
    console.log(`  put with it after two seconds: ${answer.header ? 'done' : answer}`);
  }
  const grants = [await call('lease/grant', { ID: '7587', TTL: 60 }), await call('lease/grant', { ID: '7587', TTL: 60 })];
  console.log('two leases with the ID 7587 are granted:', grants.every(({ ID }) => ID && ID !== '7587'));
  console.log('keepalive of 7587:', await call('lease/keepalive', { ID: '7587' }));
  process.exit();
})();
END
timeout 30 node run.js 2>/dev/null | tee seen
diff seen - <<'END'
lease of 20 days: granted for 20 days
  put with it after two seconds: done
lease of 30 days: granted for 30 days
  put with it after two seconds: unknown lease
two leases with the ID 7587 are granted: true
keepalive of 7587: unknown lease
END
echo "as found: antietcd 1.3.1"
