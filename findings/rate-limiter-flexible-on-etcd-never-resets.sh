#!/usr/bin/env bash
# npm rate-limiter-flexible 11.4.0, etcd3 1.1.2, with an etcd-server of Debian 12 (3.4.23).
#
# Guess: with RateLimiterEtcd the points of a key are there again after "duration" seconds, as with RateLimiterMemory.
# Seen:  they never are: the number of points used only grows, a pause of any length changes nothing, and each refusal
#        names a waiting time that is over as soon as it is asked again. RateLimiterEtcdNonAtomic does the same. The end
#        is written into the value, without an etcd lease, and nobody compares it with the clock when points are taken.
set -euo pipefail
for command in node npm etcd; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and etcd-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" rate-limiter-flexible@11.4.0 etcd3@1.1.2 >/dev/null
read -r port peer < <(node -e '
	const [a, b] = [0, 0].map(() => require("net").createServer().listen(0, "127.0.0.1"));
	setTimeout(() => { console.log(a.address().port, b.address().port); a.close(); b.close(); }, 300);')
etcd --data-dir "$dir/data" --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
	--listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
	--initial-cluster "default=http://127.0.0.1:$peer" >/dev/null 2>&1 & server=$!
cat >run.mjs <<'END'
import { Etcd3 } from 'etcd3';
import { RateLimiterEtcd, RateLimiterEtcdNonAtomic, RateLimiterMemory } from 'rate-limiter-flexible';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const storeClient = new Etcd3({ hosts: process.argv[2] });
for (let i = 0; ; i++) {
  try { await storeClient.get('ready'); break; } catch (error) { if (i === 100) throw error; }
  await sleep(200);
}
for (const [name, limiter] of [
  ['RateLimiterMemory', new RateLimiterMemory({ points: 2, duration: 1 })],
  ['RateLimiterEtcd', new RateLimiterEtcd({ storeClient, points: 2, duration: 1, keyPrefix: 'a' })],
  ['RateLimiterEtcdNonAtomic', new RateLimiterEtcdNonAtomic({ storeClient, points: 2, duration: 1, keyPrefix: 'b' })],
]) {
  const answers = [];
  for (let i = 0; i < 5; i++) {
    await limiter.consume('job').then((result) => answers.push(`allowed, ${result.consumedPoints} used`), (result) => {
      if (result instanceof Error) throw result;
      answers.push(`refused, ${result.consumedPoints} used`);
    });
    await sleep(3000);
  }
  console.log(`${name}, 2 points a second, one point every 3 s: ${answers.join('; ')}`);
}
process.exit(0);
END
timeout 80 node run.mjs "http://127.0.0.1:$port" | tee seen
diff seen - <<'END'
RateLimiterMemory, 2 points a second, one point every 3 s: allowed, 1 used; allowed, 1 used; allowed, 1 used; allowed, 1 used; allowed, 1 used
RateLimiterEtcd, 2 points a second, one point every 3 s: allowed, 1 used; allowed, 2 used; refused, 3 used; refused, 4 used; refused, 5 used
RateLimiterEtcdNonAtomic, 2 points a second, one point every 3 s: allowed, 1 used; allowed, 2 used; refused, 3 used; refused, 4 used; refused, 5 used
END
echo "as found: rate-limiter-flexible 11.4.0, etcd3 1.1.2, etcd-server 3.4.23"
