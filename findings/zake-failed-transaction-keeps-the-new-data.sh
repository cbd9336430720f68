#!/usr/bin/env bash
# Debian's python3-zake 0.2.2, python3-kazoo 2.8.0 (zake is the ZooKeeper of tests, as tooz has it in its driver zake://).
#
# Guess: a transaction whose check fails changes nothing, as with ZooKeeper.
# Seen:  the nodes that it creates or deletes are as before, and those that it sets keep the new data and the new
#        version. A claim that a check is to guard has so the claimant's name, though commit names RolledBackError.
#        (zake puts back a copy of its table of nodes, and set_data changes the node that both tables share.)
set -euo pipefail
/usr/bin/python3 -c 'import kazoo, zake' 2>/dev/null || { echo "install the Debian packages python3-zake and python3-kazoo" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from zake import fake_client

client = fake_client.FakeClient()
client.start()
client.create("/owner", b"nobody")
client.create("/epoch", b"")
client.set("/epoch", b"")  # version 1

claim = client.transaction()
claim.set_data("/owner", b"worker 7")
claim.create("/claims", b"")
claim.check("/epoch", 0)
print("commit:", *(type(result).__name__ for result in claim.commit()))
data, stat = client.get("/owner")
print("created:", client.exists("/claims") is not None, "- owner:", data.decode(), "- version:", stat.version)
END
timeout 30 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
commit: RolledBackError RolledBackError BadVersionError
created: False - owner: worker 7 - version: 1
END
echo "as found: python3-zake $(dpkg-query -f '${Version}' -W python3-zake)"
