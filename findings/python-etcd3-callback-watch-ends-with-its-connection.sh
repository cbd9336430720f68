#!/usr/bin/env bash
# Debian 12: python3-etcd3 0.12.0 with an etcd 3.4.23.
#
# Guess: add_watch_callback() calls the callback with the changes of the key until cancel_watch(), also after the connection
#        to etcd was lost for a moment, as all other calls of the client go on then.
# Seen:  the callback is called once with an exception in the place of a response, which one that reads response.events
#        fails on, and then never again. The client drops all callbacks of a stream that fails and makes a new stream with
#        none; the exception of a callback is only logged.
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl and python3-etcd3" >&2; exit 1; }
done
/usr/bin/python3 -c 'import etcd3' || { echo "install the Debian package python3-etcd3" >&2; exit 1; }
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
import logging, os, socket, sys, threading, time
import etcd3

port, links = int(sys.argv[1]), []

def forward(source, to):
    while data := source.recv(65536): to.sendall(data)
    to.shutdown(socket.SHUT_RDWR)

def serve():  # a proxy whose connections can be cut
    listener = socket.create_server(('127.0.0.1', 0))
    def accept():
        while True:
            a, b = listener.accept()[0], socket.create_connection(('127.0.0.1', port))
            links.append(a)
            for pair in (a, b), (b, a): threading.Thread(target=forward, args=pair, daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]

logging.disable(logging.CRITICAL)
writer, client, seen = etcd3.client('127.0.0.1', port), etcd3.client('127.0.0.1', serve()), []

def callback(response):
    seen.append(type(response).__name__.strip('_'))
    for event in response.events: seen.append(event.value.decode())

client.add_watch_callback('job', callback)
def put(value):
    writer.put('job', value)
    time.sleep(3)
put('before')
for link in links: link.shutdown(socket.SHUT_RDWR)
time.sleep(3)
put('after')
for _ in range(20):
    try:
        print('read:', client.get('job')[0].decode())
        break
    except etcd3.exceptions.Etcd3Exception:
        time.sleep(1)
put('later')
print('watched:', *seen)
sys.stdout.flush()
os._exit(0)
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
read: after
watched: WatchResponse before MultiThreadedRendezvous
END
echo "as found: python3-etcd3 0.12.0"
