#!/usr/bin/env bash
# mosquitto 2.0.11 and python3-paho-mqtt 1.6.1 of Debian 12.
#
# Guess: of two workers with a shared subscription ($share/workers/jobs) and a session of their own, one is cut off: the
#        broker gives all messages to the other, as it does to a group whose dead member had no session.
# Seen:  every second message waits for the worker that is not there, while the other is idle. If it comes back it gets
#        them, however late; if its session expires, they are lost. The broker takes the members in turn and looks
#        at sessions, not at connections; what has been queued for one is never handed on.
set -euo pipefail
command -v mosquitto >/dev/null || { echo "install the Debian package mosquitto" >&2; exit 1; }
/usr/bin/python3 -c 'import paho.mqtt' 2>/dev/null || { echo "install the Debian package python3-paho-mqtt" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${broker:-}" ] || kill "$broker" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >broker.conf
mosquitto -c broker.conf 2>broker.log & broker=$!
until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
cat >run.py <<'END'
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

got = {}


def connect(name, topic=None, expiry=0):
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = expiry
    client = mqtt.Client(name, protocol=mqtt.MQTTv5)
    ready = threading.Event()
    got.setdefault(name, [])
    client.on_message = lambda _, __, message: got[name].append(int(message.payload))
    client.on_connect = lambda *_: client.subscribe(topic, qos=1) if topic else ready.set()
    client.on_subscribe = lambda *_: ready.set()
    client.connect('127.0.0.1', int(sys.argv[1]), clean_start=expiry == 0, properties=properties)
    client.loop_start()
    assert ready.wait(20)
    return client


def cut_off(client):
    client.loop_stop()
    client._sock.close()
    time.sleep(1)


def send(topic):
    got.update((name, []) for name in got)
    for number in range(6):
        sender.publish(topic, number, qos=1).wait_for_publish()
    time.sleep(2)


sender = connect('sender')
for what, expiry in (('no session', 0), ('a session of 600 s', 600), ('a session of 2 s', 2)):
    topic = 'jobs/%d' % expiry
    there = connect('there %d' % expiry, '$share/workers/' + topic, expiry)
    absent = connect('absent %d' % expiry, '$share/workers/' + topic, expiry)
    cut_off(absent)
    send(topic)
    time.sleep(6)
    print('%s: the worker that is there gets %d of 6' % (what, len(got['there %d' % expiry])))
    absent = connect('absent %d' % expiry, None, expiry)
    time.sleep(2)
    print('  the other is back: it gets %d' % len(got['absent %d' % expiry]))
    there.disconnect()
    absent.disconnect()
END
timeout 80 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
no session: the worker that is there gets 6 of 6
  the other is back: it gets 0
a session of 600 s: the worker that is there gets 3 of 6
  the other is back: it gets 3
a session of 2 s: the worker that is there gets 3 of 6
  the other is back: it gets 0
END
echo "as found: mosquitto 2.0.11"
