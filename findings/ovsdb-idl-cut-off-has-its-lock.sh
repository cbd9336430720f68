#!/usr/bin/env bash
# python3-openvswitch 3.1.0 and ovsdb-server 3.1.0 of Debian 12.
#
# Guess: has_lock of an Idl, documented to be true if it "owns that lock, and False otherwise", is false once the connection
#        has ended, with which the server frees the lock.
# Seen:  it stays true for as long as the client is cut off, however often run() is called, while another client has the lock
#        and writes under it: the state is reset when the Idl has connected again, not when it is disconnected. Until then
#        the session alone knows that it is not connected.
set -euo pipefail
python=/usr/bin/python3
command -v ovsdb-server >/dev/null && $python -c 'import ovs' 2>/dev/null ||
	{ echo "install the Debian packages openvswitch-switch and python3-openvswitch" >&2; exit 1; }
[[ $(ovsdb-server --version) == *" 3.1.0"* && $($python -c 'import ovs.version as v; print(v.VERSION)') == 3.1.0* ]] ||
	{ echo "this needs Open vSwitch 3.1.0" >&2; exit 1; }
dir=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
echo '{"name": "D", "version": "1.0.0", "tables": {"T": {"columns": {"v": {"type": "string"}}, "isRoot": true}}}' >schema
ovsdb-tool create 1.db schema
timeout 85 ovsdb-server --no-chdir --log-file="$dir/log" --unixctl="$dir/ctl" --remote="punix:$dir/a" --remote="punix:$dir/b" \
	1.db 2>/dev/null &
server=$!
cat >run.py <<'END'
import json
import os
import subprocess
import time

import ovs.db.idl
import ovs.vlog

ovs.vlog.Vlog.init(os.path.abspath('client.log'))
for _ in range(200):
    if os.path.exists('ctl') and os.path.exists('b'):
        break
    time.sleep(0.1)


def client(name):
    helper = ovs.db.idl.SchemaHelper(schema_json=json.load(open('schema')))
    helper.register_all()
    idl = ovs.db.idl.Idl('unix:' + os.path.abspath(name), helper)
    idl.set_lock('job')
    return idl


def run(seconds, until=lambda: False):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        a.run()
        b.run()
        time.sleep(0.05)


def write(idl):
    txn = ovs.db.idl.Transaction(idl)
    txn.insert(idl.tables['T']).v = 'x'
    run(10, lambda: txn.commit() != txn.INCOMPLETE)
    status = txn.commit()
    txn.abort()
    return status


def say(what):
    print('%s: a %s, b %s' % (what, a.has_lock, b.has_lock))


a = client('a')
b = a  # run() is for a alone at first
run(20, lambda: a.has_lock)
b = client('b')
run(20, lambda: b.is_lock_contended)
say('a has the lock, b waits')
subprocess.check_call(['ovs-appctl', '-t', os.path.abspath('ctl'), 'ovsdb-server/remove-remote', 'punix:' + os.path.abspath('a')])
run(20, lambda: b.has_lock)
run(10)
say('a is cut off for ten seconds')
print('a is connected:', a._session.is_connected())
print('guarded write of b:', write(b))
subprocess.check_call(['ovs-appctl', '-t', os.path.abspath('ctl'), 'ovsdb-server/add-remote', 'punix:' + os.path.abspath('a')])
run(30, lambda: not a.has_lock)
say('a is back')
END
timeout 80 $python run.py 2>/dev/null | tee seen
diff seen - <<'END'
a has the lock, b waits: a True, b False
a is cut off for ten seconds: a True, b True
a is connected: False
guarded write of b: success
a is back: a False, b True
END
echo "as found: python3-openvswitch 3.1.0"
