#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: touch() "updates the key's revision without changing its value" and leaves the rest as it is: the key of a
#        holder still ends with the holder's lease.
# Seen:  it takes the key off its lease: the key outlives its holder for ever. touch() sends a put without a lease, and
#        etcd keeps a key's lease only if ignoreLease() is asked for. touch() of lease.put() keeps it.
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
const { Etcd3 } = require('etcd3');

async function main() {
  const client = new Etcd3({ hosts: process.argv[2] });
  const ways = {
    'put().touch()': () => client.put('job').touch(),
    'put().ignoreLease().touch()': () => client.put('job').ignoreLease().touch(),
    'lease.put().touch()': lease => lease.put('job').touch(),
  };
  for (const [name, touch] of Object.entries(ways)) {
    const lease = client.lease(60);
    await lease.put('job').value('mine');
    await touch(lease);
    const [kv] = (await client.get('job').exec()).kvs;
    const left = kv.lease !== '0';
    await lease.revoke();
    console.log(`${name}: on a lease: ${left}, after the holder: ${await client.get('job').string()}`);
    await client.delete().key('job');
  }
  client.close();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
put().touch(): on a lease: false, after the holder: mine
put().ignoreLease().touch(): on a lease: true, after the holder: null
lease.put().touch(): on a lease: true, after the holder: null
END
echo "as found: npm etcd3 1.1.2"
