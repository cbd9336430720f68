#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: a transaction of stm() with its default isolation fails with STMConflictError only if a key that it has read or
#        writes has been written meanwhile. The transfer between two accounts of its documentation goes through.
# Seen:  with nobody else there it fails after all its retries if a key that it writes was written, at any time before,
#        after one that it has read. It works only until one of the two accounts is written alone. The commit asks
#        each key to be older than the oldest of the keys read, where Go's client asks for no write since the read.
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
  const transfer = async options => {
    let runs = 0;
    const result = await client.stm(options).transact(async tx => {
      runs++;
      const [from, to] = await Promise.all([tx.get('account1').number(), tx.get('account2').number()]);
      await Promise.all([tx.put('account1').value(from - 1), tx.put('account2').value(to + 1)]);
    }).then(() => 'done', err => err.constructor.name);
    return `${result}, runs: ${runs}`;
  };
  await client.if('account1', 'Create', '==', 0)
    .then(client.put('account1').value(10), client.put('account2').value(10)).commit();
  console.log('both written at once:', await transfer());
  console.log('once more:', await transfer());
  await client.put('account2').value(10);
  console.log('one of them written alone before:', await transfer());
  console.log('once more:', await transfer({ retries: 20 }));
  console.log('with isolation Serializable:', await transfer({ isolation: 1 }));
  client.close();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
both written at once: done, runs: 1
once more: done, runs: 1
one of them written alone before: STMConflictError, runs: 4
once more: STMConflictError, runs: 21
with isolation Serializable: done, runs: 1
END
echo "as found: npm etcd3 1.1.2"
