#!/usr/bin/env bash
# Debian's python3-memcache 1.59 (python-memcached) and memcached.
#
# Guess: of two clients that have read a key with gets, one succeeds with cas: it "sets a key if it hasn't been altered
#        since last fetched".
# Seen:  both succeed, and the second one's value stays. Only with cache_cas=True is the second refused, and even then a
#        client that has not read the key sets it. (cas becomes set for a key whose number the client does not have, and
#        gets keeps the number with cache_cas alone.)
set -euo pipefail
command -v memcached >/dev/null || { echo "install the Debian package memcached" >&2; exit 1; }
/usr/bin/python3 -c 'import memcache' 2>/dev/null || { echo "install the Debian package python3-memcache" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
memcached -u "$(id -un)" -s "$dir/sock" & server=$!
for _ in $(seq 100); do [ ! -S sock ] || break; sleep 0.1; done
cat >run.py <<'END'
import sys

import memcache

for options in {}, {"cache_cas": True}:
    a, b, c = (memcache.Client(["unix:" + sys.argv[1]], **options) for _ in range(3))
    a.set("owner", "nobody")
    print(options or "by default", "- read:", a.gets("owner"), b.gets("owner"))
    print("  a takes it:", bool(a.cas("owner", "a")), "- b takes it:", bool(b.cas("owner", "b")), "- owner:", a.get("owner"))
    print("  c, which has not read it, takes it:", bool(c.cas("owner", "c")), "- owner:", a.get("owner"))
END
timeout 30 /usr/bin/python3 run.py "$dir/sock" | tee seen
diff seen - <<'END'
by default - read: nobody nobody
  a takes it: True - b takes it: True - owner: b
  c, which has not read it, takes it: True - owner: c
{'cache_cas': True} - read: nobody nobody
  a takes it: True - b takes it: False - owner: a
  c, which has not read it, takes it: True - owner: c
END
echo "as found: python3-memcache $(dpkg-query -f '${Version}' -W python3-memcache), memcached $(dpkg-query -f '${Version}' -W memcached)"
