#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: the default isolation of stm(), which "also checks for write conflicts", runs the transaction again if another
#        has written a key that it writes since its reads.
# Seen:  if all the keys that it has read were missing, as "is it free?" asks, it writes over what the other has written.
#        Its check takes a revision from the keys found; without any it takes the transaction for one that has read
#        nothing, and leaves the check of the writes out.
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
  for (const stopped of [true, false]) {
    await client.if('state', 'Version', '>', -1)
      .then(client.put('state').value('idle'), stopped ? client.put('stop').value('no') : client.delete().key('stop')).commit();
    let runs = 0;
    await client.stm().transact(async tx => {
      const stop = await tx.get('stop').string();
      if (++runs === 1) {
        console.log(`the key read is ${stop === null ? 'missing' : 'there'}`);
        await client.put('state').value('of another'); // meanwhile
      }
      await tx.put('state').value('mine');
    }).catch(err => console.log(' ', err.constructor.name));
    console.log(`  runs: ${runs}, state: ${await client.get('state').string()}`);
  }
  client.close();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
the key read is there
  STMConflictError
  runs: 4, state: of another
the key read is missing
  runs: 1, state: mine
END
echo "as found: npm etcd3 1.1.2"
