#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: an election's observer emits 'change' when one leader's term ends and that of another begins.
# Seen:  it emits nothing if the next leader's value is the same, as that of a host whose new process follows the old one.
#        It compares values alone, where Observe of Go's client reports the new key and revision.
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
  for (const names of [['host1', 'host2'], ['host1', 'host1']]) {
    const election = client.election(`job of ${names}`, 10);
    const run = name => {
      const campaign = election.campaign(name);
      campaign.on('error', err => console.log(err.message));
      return campaign;
    };
    const first = run(names[0]);
    await first.wait();
    const second = run(names[1]), elected = second.wait();
    while (await client.getAll().prefix(`election/job of ${names}/`).count() < 2) await sleep(50);
    const observer = await election.observe();
    const changes = [];
    observer.on('change', leader => changes.push(leader));
    await first.resign();
    await elected;
    await sleep(3000);
    console.log(`${names.join(', then ')}: changes seen: ${changes.length}`);
    await second.resign();
    await observer.cancel();
  }
  process.exit();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
host1, then host2: changes seen: 1
host1, then host1: changes seen: 0
END
echo "as found: npm etcd3 1.1.2"
