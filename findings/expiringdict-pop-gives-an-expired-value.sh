#!/usr/bin/env bash
# Debian's python3-expiringdict 1.1.4.
#
# Guess: pop of a key whose time is over gives the default, as its documentation says, and a new value for a key that is
#        there puts nobody out.
# Seen:  pop gives the expired value, where `in` and get do not find it; and in a full dictionary a new value for one
#        key drops the oldest one, which is still valid. (pop does not look at the time. A write drops the oldest entry
#        whenever the dictionary is full, before it looks whether it has the key.)
set -euo pipefail
/usr/bin/python3 -c 'import expiringdict' 2>/dev/null || { echo "install the Debian package python3-expiringdict" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import time

from expiringdict import ExpiringDict

for look in "pop alone", "get and then pop":
    leases = ExpiringDict(max_len=10, max_age_seconds=0.5)
    leases["job"] = "worker 1"
    time.sleep(2)
    if look.startswith("get"):
        print("get:", leases.get("job"))
    print(look + ":", leases.pop("job", "nobody"))

leases = ExpiringDict(max_len=2, max_age_seconds=600)
leases["first"] = leases["second"] = "worker 1"
leases["second"] = "worker 1, renewed"
print("first:", leases.get("first"), "- second:", leases.get("second"))
END
timeout 20 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
pop alone: worker 1
get: None
get and then pop: nobody
first: None - second: worker 1, renewed
END
echo "as found: python3-expiringdict $(dpkg-query -f '${Version}' -W python3-expiringdict)"
