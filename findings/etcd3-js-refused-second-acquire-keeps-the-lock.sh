#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: two flows of a process that use one Lock object: while the first is within do(), do() of the second fails with
#        EtcdLockFailedError, and when the first is done the lock is free.
# Seen:  the second fails as it should, and the lock is never free again: release() of the first succeeds and releases
#        nothing, and the key is kept alive while the process runs. Each acquire() puts its new lease in the place of
#        the old one in the object before it knows the outcome; release() revokes the one that is there.
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
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function main() {
  const client = new Etcd3({ hosts: process.argv[2] });
  const ttl = 2;
  for (const objects of [2, 1]) {
    console.log('Lock objects:', objects);
    const one = client.lock('job').ttl(ttl);
    const two = objects === 2 ? client.lock('job').ttl(ttl) : one;
    let enter, leave;
    const inside = new Promise(resolve => (enter = resolve)), end = new Promise(resolve => (leave = resolve));
    const first = one.do(() => { enter(); return end; });
    await inside;
    await two.do(() => console.log('  second is in')).catch(err => console.log('  second:', err.constructor.name));
    leave();
    console.log('  first:', await first.then(() => 'released', err => err.constructor.name));
    await sleep(4 * ttl * 1000);
    console.log('  another, four TTLs later:', await client.lock('job').acquire().then(
      async lock => { await lock.release(); return 'acquires it'; }, err => err.constructor.name));
  }
  process.exit();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
Lock objects: 2
  second: EtcdLockFailedError
  first: released
  another, four TTLs later: acquires it
Lock objects: 1
  second: EtcdLockFailedError
  first: released
  another, four TTLs later: EtcdLockFailedError
END
echo "as found: npm etcd3 1.1.2"
