#!/usr/bin/env bash
# ovsdb-server 3.1.0 (Open vSwitch) of Debian 12.
#
# Guess: a relay passes what would change anything on to its source, as documented, so that a lock (RFC 7047, 4.1.8) has one
#        holder among the clients of the source and of its relays; or the relay refuses it.
# Seen:  a relay grants locks of its own: a client of each of two relays and one of the source are told "locked": true for one
#        name. But "assert" is carried out by the source, where the relay's own connection has no lock: every guarded write
#        through a relay fails with "not owner", also if nobody else wants the lock. Writes without "assert" go through.
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
ovsdb-tool create 1.db schema
for i in 1 2 3; do
	if [ $i = 1 ]; then database=1.db; else database=relay:D:unix:$dir/1.sock; fi
	timeout 90 ovsdb-server --no-chdir --log-file="$dir/$i.log" --unixctl="$dir/$i.ctl" --remote="punix:$dir/$i.sock" \
		"$database" 2>/dev/null &
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


def write(client, value, *guard):
    insert = {'op': 'insert', 'table': 'T', 'row': {'v': value}}
    for _ in range(100):
        answers = client.ask('transact', 'D', *guard, insert)
        if answers[0] is not None and 'not allowed' not in str(answers):  # a relay that is not connected yet
            return answers[0].get('error', 'committed')
        time.sleep(0.2)


source, relay1, relay2 = (when_ready(i) for i in (1, 2, 3))
for name, client in ('source', source), ('relay 1', relay1), ('relay 2', relay2):
    print('a client of %s: a write' % name, write(client, name) + ', then', client.ask('lock', 'job'))
print('another of relay 1:', when_ready(2).ask('lock', 'job'))
guard = {'op': 'assert', 'lock': 'job'}
for name, client in ('source', source), ('relay 1', relay1), ('relay 2', relay2):
    print('guarded write through %s:' % name, write(client, name, guard))
source.ask('unlock', 'job')
print('with the lock free at the source:', write(relay1, 'relay 1', guard))
END
timeout 80 python3 run.py | tee seen
diff seen - <<'END'
a client of source: a write committed, then {'locked': True}
a client of relay 1: a write committed, then {'locked': True}
a client of relay 2: a write committed, then {'locked': True}
another of relay 1: {'locked': False}
guarded write through source: committed
guarded write through relay 1: not owner
guarded write through relay 2: not owner
with the lock free at the source: not owner
END
echo "as found: ovsdb-server 3.1.0"
