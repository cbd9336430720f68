#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its etcd3 driver (python3-etcd3 0.12.0), and an etcd 3.4.23.
#
# Guess: the members of the group "rack" are those that have joined it, whatever other groups are called.
# Seen:  the group "rack/1" and its members are members of "rack" as well, whose own members count them, and "rack" cannot
#        be deleted while it is empty. A member is a key below the name of its group, and so is a group "rack/1".
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl and python3-tooz" >&2; exit 1; }
done
/usr/bin/python3 -c 'import tooz, etcd3' || { echo "install the Debian package python3-tooz" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill -CONT "$server" 2>/dev/null; [ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
read -r port peer < <(/usr/bin/python3 -c 'import socket
two = [socket.socket() for _ in range(2)]
for s in two: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in two])')
etcd --data-dir data --log-level error --listen-client-urls "http://127.0.0.1:$port" \
	--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
	>/dev/null 2>&1 & server=$!
for _ in {1..150}; do curl -fs "http://127.0.0.1:$port/health" >/dev/null && break; sleep 0.2; done
cat >run.py <<'END'
import sys, warnings
from tooz import coordination

warnings.simplefilter('ignore')

def start(member):
    c = coordination.get_coordinator(f'etcd3://127.0.0.1:{sys.argv[1]}?timeout=60', member)
    c.start()
    return c

one, two = start(b'one'), start(b'two')
one.create_group(b'rack').get()
one.join_group(b'rack').get()
print('rack:', sorted(one.get_members(b'rack').get()))
two.create_group(b'rack/1').get()
two.join_group(b'rack/1').get()
print('rack:', sorted(one.get_members(b'rack').get()), '- rack/1:', sorted(one.get_members(b'rack/1').get()))
one.leave_group(b'rack').get()
try:
    print('delete rack:', one.delete_group(b'rack').get())
except coordination.GroupNotEmpty as err:
    print('delete rack: GroupNotEmpty')
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
rack: [b'one']
rack: [b'1/', b'1/two', b'one'] - rack/1: [b'two']
delete rack: GroupNotEmpty
END
echo "as found: tooz 3.1.0"
