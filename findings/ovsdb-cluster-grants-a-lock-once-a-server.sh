#!/usr/bin/env bash
# ovsdb-server 3.1.0 (Open vSwitch) of Debian 12, a cluster of three servers.
#
# Guess: a lock of the protocol (RFC 7047, 4.1.8) has one holder in a clustered database, whichever server a client is
#        connected to, as a row has one value; at the least the "assert" of a transaction finds out who holds it.
# Seen:  each server has locks of its own. A client of each of the three is told "locked": true for one name, and the
#        guarded transactions of all three are committed: a follower carries "assert" out itself, by the lock of its own
#        client, and passes on only what is to be stored. Only clients of one server exclude each other.
set -euo pipefail
for tool in ovsdb-server ovsdb-tool python3; do
	command -v $tool >/dev/null || { echo "install the Debian packages openvswitch-common, openvswitch-switch and python3" >&2; exit 1; }
done
[[ $(ovsdb-server --version) == *" 3.1.0"* ]] || { echo "this needs ovsdb-server 3.1.0" >&2; exit 1; }
dir=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
echo '{"name": "D", "version": "1.0.0", "tables": {"T": {"columns": {"v": {"type": "string"}}, "isRoot": true}}}' >schema
for i in 1 2 3; do
	if [ $i = 1 ]; then
		ovsdb-tool create-cluster 1.db schema "unix:$dir/1.raft"
	else
		ovsdb-tool join-cluster $i.db D "unix:$dir/$i.raft" "unix:$dir/1.raft"
	fi
	timeout 90 ovsdb-server --no-chdir --log-file="$dir/$i.log" --unixctl="$dir/$i.ctl" --remote="punix:$dir/$i.sock" \
		$i.db 2>/dev/null &
	servers+=($!)
done
cat >run.py <<'END'
import json
import socket
import time


class Client:
    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect('%d.sock' % server)
        self.text, self.id = '', 0

    def ask(self, method, *params):
        self.id += 1
        self.socket.sendall(json.dumps({'id': self.id, 'method': method, 'params': params}).encode())
        while True:
            try:
                answer, end = json.JSONDecoder().raw_decode(self.text)
            except ValueError:
                self.text += self.socket.recv(65536).decode()
                continue
            self.text = self.text[end:].lstrip()
            if answer.get('method') == 'echo':
                self.socket.sendall(json.dumps({'id': 'echo', 'result': answer['params'], 'error': None}).encode())
            elif answer['id'] == self.id:
                return answer['error'] or answer['result']


def when_ready(server):
    for _ in range(200):
        try:
            client = Client(server)
            if 'D' in client.ask('list_dbs'):
                return client
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit('server %d is not ready' % server)


def write(client, value):
    answers = client.ask('transact', 'D', {'op': 'assert', 'lock': 'job'}, {'op': 'insert', 'table': 'T', 'row': {'v': value}})
    return answers[0].get('error', 'committed')


clients = [when_ready(i) for i in (1, 2, 3)]
beside = when_ready(1)
for i, client in enumerate(clients, 1):
    print('a client of server %d:' % i, client.ask('lock', 'job'))
print('another of server 1:', beside.ask('lock', 'job'))
for i, client in enumerate(clients, 1):
    print('guarded write through server %d:' % i, write(client, str(i)))
print('guarded write of the other:', write(beside, 'other'))
for _ in range(100):
    rows = beside.ask('transact', 'D', {'op': 'select', 'table': 'T', 'where': []})[0]['rows']
    if len(rows) == 3:
        break
    time.sleep(0.2)
print('stored:', *sorted(row['v'] for row in rows))
END
timeout 80 python3 run.py | tee seen
diff seen - <<'END'
a client of server 1: {'locked': True}
a client of server 2: {'locked': True}
a client of server 3: {'locked': True}
another of server 1: {'locked': False}
guarded write through server 1: committed
guarded write through server 2: committed
guarded write through server 3: committed
guarded write of the other: not owner
stored: 1 2 3
END
echo "as found: ovsdb-server 3.1.0"
