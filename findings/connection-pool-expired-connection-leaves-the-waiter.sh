#!/usr/bin/env bash
# Debian's python3-connection-pool 0.0.3.
#
# Guess: with max_size=1 and a max_usage or ttl, whoever waits for the connection gets a new one once the used-up one
#        is given back.
# Seen:  it waits on for ever beside an empty pool, which anybody who comes later is served from at once. Without the
#        limits it gets the connection. (release notifies the waiters if the connection goes back into the pool, and not
#        if it is closed and its place becomes free.)
set -euo pipefail
/usr/bin/python3 -c 'import connection_pool' 2>/dev/null || { echo "install the Debian package python3-connection-pool" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
import time
import warnings

warnings.simplefilter("ignore")
from connection_pool import ConnectionPool


class Connection:
    pass


for limits in {}, {"max_usage": 1}, {"ttl": 1}:
    pool, served = ConnectionPool(Connection, max_size=1, **limits), threading.Event()

    def wait():
        with pool.item():
            served.set()

    with pool.item():
        threading.Thread(target=wait, daemon=True).start()
        time.sleep(3)
    waiter = served.wait(5)
    later = threading.Event()
    threading.Thread(target=lambda: pool.item() and later.set(), daemon=True).start()
    print(limits or "without limits", "- the waiter is served:", waiter, "- a later one:", later.wait(5))
END
timeout 60 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
without limits - the waiter is served: True - a later one: True
{'max_usage': 1} - the waiter is served: False - a later one: True
{'ttl': 1} - the waiter is served: False - a later one: True
END
echo "as found: python3-connection-pool $(dpkg-query -f '${Version}' -W python3-connection-pool)"
