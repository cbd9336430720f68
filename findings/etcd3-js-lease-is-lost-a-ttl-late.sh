#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: a lease whose client is cut off from etcd emits 'lost' about when its TTL is over, and revoked() is true then.
#        The documentation names "our TTL has definitely expired", and says that it is not to be considered revoked
#        before the event.
# Seen:  both come a whole TTL after etcd has ended the lease, while another holds the key. The client gives up two TTLs
#        after the last answer. For a lock, and within do(), there is no event at all.
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

async function main() {
  let cut = false;
  const server = net.createServer(client => {
    const up = net.connect(port, host);
    client.on('data', chunk => cut || up.write(chunk)).on('error', () => {}).on('close', () => up.destroy());
    up.on('data', chunk => cut || client.write(chunk)).on('error', () => {}).on('close', () => client.destroy());
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const direct = new Etcd3({ hosts: process.argv[2] });
  const ttl = 6, lease = new Etcd3({ hosts: `127.0.0.1:${server.address().port}` }).lease(ttl);
  const lost = new Promise(resolve => lease.on('lost', resolve));
  await lease.put('job').value('mine');
  await new Promise(resolve => lease.on('keepaliveSucceeded', resolve));
  cut = true;
  const start = Date.now(), other = direct.lease(60);
  while (!(await direct.if('job', 'Create', '==', 0).then(other.put('job').value('of another')).commit()).succeeded) await sleep(100);
  console.log('another has the key, revoked():', lease.revoked());
  const taken = Date.now();
  await Promise.race([lost, sleep(40000)]);
  const late = Date.now() - taken;
  console.log('lost, revoked():', lease.revoked(), 'more than half a TTL later:', late > ttl * 500);
  console.error(`key taken after ${taken - start} ms, lost ${late} ms later`);
  process.exit();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
another has the key, revoked(): false
lost, revoked(): true more than half a TTL later: true
END
echo "as found: npm etcd3 1.1.2"
