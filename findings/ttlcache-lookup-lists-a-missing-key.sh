#!/usr/bin/env bash
# npm @isaacs/ttlcache 2.1.5, in node.
#
# Guess: a get of a key that is not there leaves the cache as it was, with updateAgeOnGet too.
# Seen:  with updateAgeOnGet the key is in keys() and entries() afterwards, with the value undefined, while has() is
#        false and size 0, and dispose is called for it when its time is over: a list of holders read with keys() has
#        whoever was asked for. With noUpdateTTL, a key that is set after such a lookup has the rest of the lookup's
#        time. The age is written down before anybody looks whether there is a value.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @isaacs/ttlcache@2.1.5 >/dev/null
cat >run.mjs <<'END'
import { TTLCache } from '@isaacs/ttlcache';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const updateAgeOnGet of [false, true]) {
  const disposed = [];
  const cache = new TTLCache({ ttl: 1000, updateAgeOnGet, dispose: (value, key, why) => disposed.push(`${key} ${value} ${why}`) });
  console.log(`updateAgeOnGet ${updateAgeOnGet}: get ${cache.get('a')}, has ${cache.has('a')}, size ${cache.size}, ` +
    `keys ${JSON.stringify([...cache.keys()])}`);
  await sleep(3000);
  console.log(`updateAgeOnGet ${updateAgeOnGet}: keys ${JSON.stringify([...cache.keys()])}, disposed ${JSON.stringify(disposed)}`);
}
for (const lookup of [false, true]) {
  const cache = new TTLCache({ ttl: 60000, updateAgeOnGet: true, noUpdateTTL: true });
  if (lookup) cache.get('a');
  await sleep(5000);
  cache.set('a', 'a holder');
  console.log(`a new key, asked for 5 s before: ${lookup}; it has its whole time: ${cache.getRemainingTTL('a') > 58000}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
updateAgeOnGet false: get undefined, has false, size 0, keys []
updateAgeOnGet false: keys [], disposed []
updateAgeOnGet true: get undefined, has false, size 0, keys ["a"]
updateAgeOnGet true: keys [], disposed ["a undefined stale"]
a new key, asked for 5 s before: false; it has its whole time: true
a new key, asked for 5 s before: true; it has its whole time: false
END
echo "as found: @isaacs/ttlcache 2.1.5"
