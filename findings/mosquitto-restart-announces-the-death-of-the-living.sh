#!/usr/bin/env bash
# mosquitto 2.0.11 and python3-paho-mqtt 1.6.1 of Debian 12.
#
# Guess: a holder with a will that is delayed for 60 s ("I am gone, take over") and a session of an hour reconnects at
#        once when the broker is started again, with its persistence: no will is published, as when the connection
#        alone was lost for a moment.
# Seen:  the will of every client is published when the broker is told to stop, without its delay: those who hear it
#        take over from a holder that is at work. If the broker is killed instead, no will is ever published, not of a
#        client that died meanwhile either: wills are not part of what is stored.
set -euo pipefail
command -v mosquitto >/dev/null || { echo "install the Debian package mosquitto" >&2; exit 1; }
/usr/bin/python3 -c 'import paho.mqtt' 2>/dev/null || { echo "install the Debian package python3-paho-mqtt" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ ! -f "$dir/pid" ] || kill "$(cat "$dir/pid")" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >broker.conf <<END
listener $port 127.0.0.1
allow_anonymous true
persistence true
persistence_location $dir/
autosave_interval 1
autosave_on_changes true
user $(id -un)
pid_file $dir/pid
END
cat >run.py <<'END'
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

port = int(sys.argv[1])
heard = []


def start():
    broker = subprocess.Popen(['mosquitto', '-c', 'broker.conf'], stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return broker
        except OSError:
            time.sleep(0.1)


def connect(name, delay=None):
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    client = mqtt.Client(name, protocol=mqtt.MQTTv5)
    if delay:
        will = Properties(PacketTypes.WILLMESSAGE)
        will.WillDelayInterval = delay
        client.will_set('gone', name, properties=will)
    else:
        client.on_message = lambda _, __, message: heard.append(message.payload.decode())
    ready = threading.Event()
    client.on_connect = lambda *_: client.subscribe('gone') if not delay else ready.set()
    client.on_subscribe = lambda *_: ready.set()
    client.reconnect_delay_set(1, 1)
    client.connect('127.0.0.1', port, clean_start=False, properties=properties)
    client.loop_start()
    assert ready.wait(20)
    client.ready = ready
    return client


def cut_off(client):
    client.loop_stop()
    if client._sock:
        client._sock.close()
    time.sleep(1)


broker = start()
observer = connect('observer')
alive = connect('alive', 60)
cut_off(alive)
alive = connect('alive', 60)
time.sleep(2)
print('a connection is lost for a moment:', heard)
for how in (signal.SIGTERM, signal.SIGKILL):
    brief = connect('brief', 3)
    time.sleep(4)
    alive.ready.clear()
    observer.ready.clear()
    broker.send_signal(how)
    broker.wait()
    cut_off(brief)
    broker = start()
    assert alive.ready.wait(20) and observer.ready.wait(20)
    time.sleep(9)
    print('the broker gets %s, brief dies, alive is back at once:' % how.name, sorted(heard))
    heard.clear()
broker.terminate()
END
timeout 80 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
a connection is lost for a moment: []
the broker gets SIGTERM, brief dies, alive is back at once: ['alive', 'brief']
the broker gets SIGKILL, brief dies, alive is back at once: []
END
echo "as found: mosquitto 2.0.11"
