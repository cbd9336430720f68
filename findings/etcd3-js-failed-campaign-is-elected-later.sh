#!/usr/bin/env bash
# npm etcd3 1.1.2 with an etcd of Debian 12 (3.4.23), Node.js 20.
#
# Guess: a campaign that has emitted 'error' because its lease is gone is over; the documentation says to make a new one
#        then, as its example does.
# Seen:  it waits on without its key, and emits 'elected' when those before it are gone, while the leader is another. In
#        a program like the example, the new campaign emits 'elected' as well, and the work is started twice. Only
#        resign() ends it: losing the lease emits the event and does not stop the loop that waits.
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
  const election = client.election('job', 10);
  const candidates = async n => { while (await client.getAll().prefix('election/job/').count() !== n) await sleep(50); };
  const run = name => {
    const campaign = election.campaign(name);
    campaign.elected = new Promise(resolve => campaign.on('elected', () => resolve(`${name}: elected`)));
    campaign.failed = new Promise(resolve => campaign.on('error', err => resolve(`${name}: ${err.constructor.name}`)));
    return campaign;
  };
  const old = run('the old leader');
  console.log(await old.elected);
  const lost = run('the first campaign');
  await candidates(2);
  await client.leaseClient.leaseRevoke({ ID: (await lost.getCampaignKey()).split('/').pop() });
  await candidates(1);
  console.log(await lost.failed);
  const next = run('another');
  await candidates(2);
  await old.resign();
  const late = sleep(20000).then(() => 'not elected');
  console.log(await Promise.race([next.elected, late]));
  console.log(await Promise.race([lost.elected, late]));
  console.log('candidates:', await client.getAll().prefix('election/job/').count(), 'leader:', await election.leader());
  process.exit();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee seen
diff seen - <<'END'
the old leader: elected
the first campaign: EtcdLeaseInvalidError
another: elected
the first campaign: elected
candidates: 1 leader: another
END
echo "as found: npm etcd3 1.1.2"
