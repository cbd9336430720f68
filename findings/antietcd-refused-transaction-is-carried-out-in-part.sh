#!/usr/bin/env bash
# npm antietcd 1.3.1, Node.js 20.
#
# Guess: a transaction that is refused, because the lease of one of its puts has ended, changes nothing: antietcd states
#        strictly serializable transactions, and etcd checks the leases first.
# Seen:  the puts before the refused one are carried out, and nobody is told: a holder that has lost its lease changes
#        the data that its lease was to protect, and reads find it. Watchers hear nothing of it, and it is not stored: a
#        server that is killed then has the old data again. The operations work on the tree at once, and the
#        exception leaves before the step that notifies and stores.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" antietcd@1.3.1 >/dev/null
cat >server.js <<'END'
const { once } = require('events');
const AntiEtcd = require('antietcd');

(async () => {
  const server = new AntiEtcd({ ip: '127.0.0.1', port: '0', data: 'data.gz' });
  await server.start();
  if (!server.server.listening) await once(server.server, 'listening');
  process.on('disconnect', () => process.exit());
  process.send(server.server.address().port);
})();
END
cat >run.js <<'END'
const { fork } = require('child_process');
const { once } = require('events');
const WebSocket = require('ws');

const encode = (text) => Buffer.from(text).toString('base64');
const put = (key, value, lease) => ({ request_put: { key: encode(key), value: encode(value), lease } });
let server, port;
const start = async () => {
  server = fork('server.js', { stdio: 'ignore' });
  [port] = await once(server, 'message');
};
const call = async (path, body) => {
  const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`,
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return response.ok ? response.json() : `${response.status} ${(await response.text()).split(':')[0]}`;
};
const data = async () => {
  const { kvs } = await call('kv/range', { key: encode('job/data') });
  return Buffer.from(kvs[0].value, 'base64').toString();
};
(async () => {
  await start();
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(socket, 'open');
  const messages = [];
  socket.on('message', (message) => messages.push(JSON.parse(message).result));
  const watch = async (key, range_end) => {
    socket.send(JSON.stringify({ create_request: { key: encode(key), range_end: encode(range_end) } }));
    while (!messages.at(-1)?.created) await once(socket, 'message');
    return messages.splice(0).flatMap(({ events = [] }) => events);
  };
  await call('kv/txn', { success: [put('job/data', 'good')] });
  const { ID } = await call('lease/grant', { TTL: 60 });
  await call('lease/revoke', { ID });
  await watch('job/', 'job0');
  console.log('transaction:', await call('kv/txn', { success: [put('job/data', 'changed'), put('job/lock', 'me', ID)] }));
  console.log('data:', await data());
  console.log('events that a watch of it had:', (await watch('other/', 'other0')).length);
  server.kill('SIGKILL');
  await once(server, 'exit');
  await start();
  console.log('data of the server that was started again:', await data());
  server.kill('SIGKILL');
  process.exit();
})();
END
timeout 40 node run.js | tee seen
diff seen - <<'END'
transaction: 400 unknown lease
data: changed
events that a watch of it had: 0
data of the server that was started again: good
END
echo "as found: antietcd 1.3.1"
