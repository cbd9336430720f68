#!/usr/bin/env bash
# Debian's python3-binary-memcached 0.31.1 (bmemcached) and memcached.
#
# Guess: add with a Client of two servers succeeds if no server has the key: while one of them has it, it is refused.
# Seen:  after one of the two servers was started again, add succeeds for a second client beside the holder, whose key
#        is still on the other one. Each of them reads the holder's name first. (Client writes to every server and takes
#        any success for a success, and reads from the first server that has the key.)
set -euo pipefail
command -v memcached >/dev/null || { echo "install the Debian package memcached" >&2; exit 1; }
/usr/bin/python3 -c 'import bmemcached' 2>/dev/null || { echo "install the Debian package python3-binary-memcached" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import getpass
import socket
import subprocess
import time

import bmemcached


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(port):
    server = subprocess.Popen(["memcached", "-u", getpass.getuser(), "-l", "127.0.0.1", "-p", str(port)])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.1)
    return server


def stop(server):
    server.terminate()
    server.wait()


ports = free(), free()
servers = [start(port) for port in ports]
try:
    names = [f"127.0.0.1:{port}" for port in ports]
    holder, other = bmemcached.Client(names), bmemcached.Client(names)
    print("holder:", holder.add("lock", "holder", 600))
    print("other:", other.add("lock", "other", 600))
    stop(servers[1])
    servers[1] = start(ports[1])
    for _ in range(20):  # the first ones find the old connection closed
        taken = other.add("lock", "other", 600)
        if taken:
            break
        time.sleep(1)
    print("one server was started again; other:", taken)
    print("the lock is of:", holder.get("lock"), "- on the second server of:", bmemcached.Client(names[1:]).get("lock"))
finally:
    for server in servers:
        stop(server)
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
holder: True
other: False
one server was started again; other: True
the lock is of: holder - on the second server of: other
END
echo "as found: python3-binary-memcached $(dpkg-query -f '${Version}' -W python3-binary-memcached), memcached $(dpkg-query -f '${Version}' -W memcached)"
