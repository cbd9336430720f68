#!/usr/bin/env bash
# Debian's python3-fysom 2.1.6.
#
# Guess: two machines that are made of one configuration, the first with callbacks of its own, are independent.
# Seen:  callbacks and events that are given beside the configuration are written into it: a machine that is made
#        later has those of the first one, and a callback of the first one refuses its events. If the configuration
#        has no callbacks of its own, they are not shared. (The copy that Fysom makes is a shallow one.)
set -euo pipefail
/usr/bin/python3 -c 'import fysom' 2>/dev/null || { echo "install the Debian package python3-fysom" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from fysom import Canceled, Fysom

def refuse(event):
    return False

for shared in {}, {"callbacks": {}}:
    cfg = {"initial": "free", "events": [("take", "free", "held")], **shared}
    Fysom(cfg, callbacks={"onbeforetake": refuse}, events=[("retire", "free", "gone")])
    second = Fysom(cfg)
    print("keys:", *cfg, "- the second can retire:", second.can("retire"))
    try:
        second.take()
        print("take of the second: now", second.current)
    except Canceled as e:
        print("take of the second:", e)
END
timeout 20 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
keys: initial events - the second can retire: True
take of the second: now held
keys: initial events callbacks - the second can retire: True
take of the second: Cannot trigger event take because the onbeforetake handler returns False
END
echo "as found: python3-fysom $(dpkg-query -f '${Version}' -W python3-fysom)"
