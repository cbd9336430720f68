#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its etcd3 driver (python3-etcd3 0.12.0), and an etcd 3.4.23.
#
# Guess: a coordinator that has been away for longer than its timeouts hears of it: heartbeat() raises or joins its groups
#        again, "acquired" of its lock is false, and join_group() brings it back.
# Seen:  heartbeat() succeeds for ever while the group is empty and another has the lock, the lock's own heartbeat() and
#        "acquired" are true, and join_group() fails until the coordinator is started again. The keepalive of a lease that
#        has ended is answered with a TTL of 0 and no error, and the driver does not look at it or make a new lease.
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
import sys, time, warnings
from tooz import coordination

warnings.simplefilter('ignore')

def start(member):
    c = coordination.get_coordinator(f'etcd3://127.0.0.1:{sys.argv[1]}?timeout=3', member)
    c.start()
    return c

def attempt(f, *args):
    try:
        return f(*args).get()
    except Exception as err:
        return type(err).__name__.strip('_')

one = start(b'one')
one.create_group(b'group').get()
one.join_group(b'group').get()
lock = one.get_lock(b'job')
print('lock:', lock.acquire(), '- members:', *one.get_members(b'group').get())
while one.get_members(b'group').get():
    time.sleep(0.2)
another = start(b'another').get_lock(b'job')
while not another.acquire(blocking=False):
    time.sleep(0.2)
print('gone; heartbeat:', one.heartbeat(), '- lock acquired:', lock.acquired, '- its heartbeat:', lock.heartbeat())
print('members:', *one.get_members(b'group').get(), '- join again:', attempt(one.join_group, b'group'))
one.heartbeat()
print('members:', *one.get_members(b'group').get(), '- join again:', attempt(one.join_group, b'group'))
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
lock: True - members: b'one'
gone; heartbeat: 3 - lock acquired: True - its heartbeat: True
members: - join again: InactiveRpcError
members: - join again: InactiveRpcError
END
echo "as found: tooz 3.1.0"
