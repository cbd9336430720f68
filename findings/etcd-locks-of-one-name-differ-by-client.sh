#!/usr/bin/env bash
# npm etcd3 1.1.2, Debian 12: etcdctl 3.4.23, python3-etcd3 0.12.0, python3-etcd3gw 2.0.0 and an etcd 3.4.23.
#
# Guess: the lock "job" of one etcd is one lock: whoever takes it by the lock of a common client keeps the others out.
# Seen:  three of four clients hold it at once. etcdctl, and Go's package concurrency, put a key below "job/", npm etcd3
#        puts "job" itself, and the two for Python put "/locks/job". Those two exclude each other. With elections it is
#        otherwise: etcdctl's "election/job" and npm etcd3's "job" are one.
set -euo pipefail
for command in etcd etcdctl curl node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, etcd-client, curl, nodejs and npm" >&2; exit 1; }
done
/usr/bin/python3 -c 'import etcd3, etcd3gw' || { echo "install the Debian packages python3-etcd3 and python3-etcd3gw" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null; [ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
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
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:$port
etcdctl lock job >lock 2>/dev/null & holder=$!
for _ in {1..150}; do [ -s lock ] && break; sleep 0.2; done
echo "etcdctl: $([ -s lock ] && echo true)" | tee seen
cat >run.cjs <<'END'
const { Etcd3 } = require('etcd3');
const client = new Etcd3({ hosts: process.argv[2] });
async function main() {
  console.log('npm etcd3:', await client.lock('job').ttl(600).acquire().then(() => true, () => false));
  const leader = client.election('job', 600).campaign('of npm etcd3');
  await leader.wait();
  process.exit();
}
main();
END
timeout 60 node run.cjs "127.0.0.1:$port" | tee -a seen
timeout 60 /usr/bin/python3 - "$port" <<'END' | tee -a seen
import sys, etcd3, etcd3gw
port = int(sys.argv[1])
print('python3-etcd3:', etcd3.client('127.0.0.1', port).lock('job', ttl=600).acquire())
print('python3-etcd3gw:', etcd3gw.Etcd3Client(port=port, api_path='/v3/').lock('job', ttl=600).acquire())
END
etcdctl get --prefix "" --keys-only | sed '/^$/d; s,^job/.*,job/ID,; s,^\(election/job\)/.*,\1/ID,' | tee -a seen
etcdctl elect --listen election/job >leader 2>/dev/null & listener=$!
for _ in {1..150}; do grep -q npm leader && break; sleep 0.2; done
kill "$listener"
echo "etcdctl's leader: $(grep npm leader)" | tee -a seen
etcdctl elect election/job "of etcdctl" >candidate 2>/dev/null & listener=$!
for _ in {1..150}; do [ "$(etcdctl get --prefix election/job/ --keys-only | grep -c .)" = 2 ] && break; sleep 0.2; done
sleep 3
echo "etcdctl's candidate: $([ -s candidate ] && echo leads || echo waits)" | tee -a seen
kill "$listener"
diff seen - <<'END'
etcdctl: true
npm etcd3: true
python3-etcd3: True
python3-etcd3gw: False
/locks/job
election/job/ID
job
job/ID
etcdctl's leader: of npm etcd3
etcdctl's candidate: waits
END
echo "as found: npm etcd3 1.1.2, etcdctl 3.4.23, python3-etcd3 0.12.0, etcd3gw 2.0.0"
