#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: a watcher with startRevision whose connection is lost while it catches up goes on after the last change that it
#        has emitted, once it has connected again.
# Seen:  it goes on at the revision that the whole store had when it connected first. All the changes between are lost
#        without an error. It takes the revision of the header of each answer for what it has seen, also that of the
#        answer that only says that the watch is made.
set -euo pipefail
for command in etcd curl node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl, nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-save etcd3@1.1.2 >/dev/null
read -r port peer < <(node -e 'const net = require("net"), two = [net.createServer(), net.createServer()];
let n = 0; for (const s of two) s.listen(0, "127.0.0.1", () => { if (++n == 2) {
	console.log(two.map(s => s.address().port).join(" ")); two.forEach(s => s.close()); } })')
etcd --data-dir data --log-level error --listen-client-urls "http://127.0.0.1:$port" \
	--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
	>/dev/null 2>&1 & server=$!
for _ in {1..150}; do curl -fs "http://127.0.0.1:$port/health" >/dev/null && break; sleep 0.2; done
cat >run.cjs <<'END'
const net = require('net');
const { Etcd3 } = require('etcd3');
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const [host, port] = process.argv[2].split(':');

// A proxy that cuts the connection once, when the server has sent so many bytes.
async function proxy(limit) {
  let cuts = 0;
  const server = net.createServer(client => {
    const up = net.connect(port, host);
    let bytes = 0;
    client.pipe(up);
    up.on('data', chunk => {
      if ((bytes += chunk.length) > limit && cuts++ === 0) return client.destroy(), up.destroy();
      client.write(chunk);
    });
    for (const s of [client, up]) s.on('error', () => {}).on('close', () => { client.destroy(); up.destroy(); });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${server.address().port}`;
}

async function main() {
  const direct = new Etcd3({ hosts: process.argv[2] });
  const first = (await direct.put('job/first').value('x')).header.revision;
  for (let i = 1; i < 500; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => direct.put(`job/${i + j}`).value('x'.repeat(2000))));
  }
  for (const limit of [Infinity, 100000]) {
    const watcher = await new Etcd3({ hosts: await proxy(limit) }).watch().prefix('job/').startRevision(first).create();
    let seen = 0, connected = 1, error = 'none';
    watcher.on('put', () => seen++).on('connected', () => connected++).on('error', err => (error = err.message));
    for (let i = 0; i < 300 && (limit === Infinity ? seen < 501 : connected < 2); i++) await sleep(100);
    await sleep(2000);
    const before = seen;
    await direct.put('job/last').value('x');
    for (let i = 0; i < 100 && seen === before; i++) await sleep(100);
    console.log(`connections: ${connected}, error: ${error}, changes before the last: ${before < 501 ? 'some lost' : before}, the last: ${seen - before}`);
    await watcher.cancel();
  }
  process.exit();
}
main();
END
timeout 80 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
connections: 1, error: none, changes before the last: 501, the last: 1
connections: 2, error: none, changes before the last: some lost, the last: 1
END
echo "as found: npm etcd3 1.1.2"
