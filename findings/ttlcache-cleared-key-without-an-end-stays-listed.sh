#!/usr/bin/env bash
# npm @isaacs/ttlcache 2.1.5, in node.
#
# Guess: after clear() a cache is empty, whoever looks.
# Seen:  keys with ttl Infinity stay in keys(), entries() and the iterator, with the value undefined, for good, while
#        has() is false and size 0. A second clear() calls dispose for such a key once more, with undefined: what it was to
#        release is released twice. The set of the keys without an end is not emptied; keys with a time go.
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

const disposed = [];
const cache = new TTLCache({ ttl: 60000, dispose: (value, key, why) => disposed.push(`${key} ${value} ${why}`) });
const show = (when) => {
  console.log(`${when}: size ${cache.size}, has a ${cache.has('a')}, keys ${JSON.stringify([...cache.keys()])}, ` +
    `entries ${[...cache].map(([key, value]) => `${key}=${value}`)}, disposed ${JSON.stringify(disposed.splice(0))}`);
};
cache.set('a', 1, { ttl: Infinity }).set('b', 2, { ttl: Infinity }).set('c', 3);
show('three keys');
cache.clear();
show('cleared');
cache.set('a', 4);
show('one is set again');
cache.clear();
show('cleared again');
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
three keys: size 3, has a true, keys ["c","a","b"], entries c=3,a=1,b=2, disposed []
cleared: size 0, has a false, keys ["a","b"], entries a=undefined,b=undefined, disposed ["c 3 delete","a 1 delete","b 2 delete"]
one is set again: size 1, has a true, keys ["a","b"], entries a=4,b=undefined, disposed []
cleared again: size 0, has a false, keys ["b"], entries b=undefined, disposed ["a 4 delete","b undefined delete"]
END
echo "as found: @isaacs/ttlcache 2.1.5"
