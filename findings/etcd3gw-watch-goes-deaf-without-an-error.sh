#!/usr/bin/env bash
# Debian 12: python3-etcd3gw 2.0.0 with an etcd 3.4.23.
#
# Guess: the iterator of watch() yields every change, and raises or ends when the connection to etcd is lost.
# Seen:  after a change with a value of some kilobytes, or a lost connection, it waits for ever and yields nothing more. The
#        thread that reads the answer takes each piece of it for one JSON text; a line end that comes alone after a long
#        one, or an end, is an error that only a future has which nobody asks. watch_once() without a timeout waits so too.
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl and python3-etcd3gw" >&2; exit 1; }
done
/usr/bin/python3 -c 'import etcd3gw' || { echo "install the Debian package python3-etcd3gw" >&2; exit 1; }
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
import os, socket, sys, threading, time
import etcd3gw

port, links = int(sys.argv[1]), []

def client(port): return etcd3gw.Etcd3Client(host='127.0.0.1', port=port, api_path='/v3/')

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

def read(changes, seen):
    try:
        for change in changes: seen.append(len(change['kv']['value']))
        seen.append('end')
    except Exception as err:
        seen.append(type(err).__name__)

threading.excepthook = lambda _: None
writer, proxy = client(port), serve()
for name, size in ('small values', 100), ('one large value', 10000), ('a lost connection', 100):
    seen = []
    changes, _ = client(proxy).watch(name)
    threading.Thread(target=read, args=(changes, seen), daemon=True).start()
    for i, length in enumerate((10, size, 20, 30)):
        if name == 'a lost connection' and i == 2: links[-1].shutdown(socket.SHUT_RDWR)
        writer.put(name, 'x' * length)
        time.sleep(2)
    time.sleep(5)
    print(f'{name}:', *seen)
sys.stdout.flush()
os._exit(0)
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
small values: 10 100 20 30
one large value: 10 10000
a lost connection: 10 100
END
echo "as found: etcd3gw 2.0.0"
