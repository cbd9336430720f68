#!/usr/bin/env bash
# rabbitmq-server 3.10.8 and python3-pika 1.2.0 of Debian 12.
#
# Guess: if the active consumer of a queue with x-single-active-consumer cancels its subscription, to end its work on
#        what it has and stay connected, the next one takes over: when that work is acknowledged, or at once.
# Seen:  a classic queue names the next one active and gives it nothing, though all is acknowledged. Once a new message
#        has come, the queue stands still: the end of the first one's channel does not help either, nor do another
#        consumer and the end of the next one. The queue does not deliver when the active consumer changes by a
#        cancellation. A quorum queue hands over at once: both work at the same time.
set -euo pipefail
server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || { echo "install the Debian package rabbitmq-server" >&2; exit 1; }
/usr/bin/python3 -c 'import pika' 2>/dev/null || { echo "install the Debian package python3-pika" >&2; exit 1; }
dir=$(mktemp -d)
free() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
stop() {
	if [ -s "$dir/pid" ]; then
		pid=$(cat "$dir/pid")
		kill "$pid" 2>/dev/null || true
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
	fi
	epmd -port "$ERL_EPMD_PORT" -kill >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
port=$(free)
ERL_EPMD_PORT=$(free)
export HOME=$dir ERL_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="single$$@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
	RABBITMQ_NODE_PORT=$port RABBITMQ_MNESIA_BASE=$dir/mnesia RABBITMQ_LOG_BASE=$dir/log RABBITMQ_PID_FILE=$dir/pid \
	RABBITMQ_CONFIG_FILE=$dir/none RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins
RABBITMQ_DIST_PORT=$(free) "$server" >server.log 2>&1 &
for _ in $(seq 300); do ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break; sleep 0.2; done
cat >run.py <<'END'
import sys

import pika


def connect():
    connection = pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', int(sys.argv[1])))
    return connection, connection.channel()


def consume(queue):
    connection, channel = connect()
    got = []
    channel.basic_qos(prefetch_count=2)
    tag = channel.basic_consume(queue, lambda _, method, __, body: got.append(int(body)))
    return connection, channel, tag, got


_, sender = connect()
for kind, how in (('classic', 'closes'), ('classic', 'cancels'), ('quorum', 'cancels')):
    queue = kind + how
    sender.queue_declare(queue, durable=True, arguments={'x-queue-type': kind, 'x-single-active-consumer': True})
    first, channel, tag, got = consume(queue)
    second, _, _, next_got = consume(queue)

    def show(what):
        second.process_data_events(4)
        print('  %s: the next one has %s' % (what, next_got))

    for number in range(6):
        sender.basic_publish('', queue, str(number))
    while len(got) < 2:
        first.process_data_events(1)
    print('%s queue, six messages, the first consumer has %s' % (kind, got))
    if how == 'closes':
        channel.close()
        show('it closes its channel')
        continue
    channel.basic_cancel(tag)
    show('it has cancelled')
    channel.basic_ack(2, multiple=True)
    show('it has acknowledged')
    sender.basic_publish('', queue, '6')
    show('a new message has come')
    channel.close()
    show('its channel is closed')
    third, _, _, third_got = consume(queue)
    show('a third consumer has come')
    second.close()
    third.process_data_events(6)
    print('  the next one has gone: the third has messages: %s' % (third_got != []))
END
timeout 80 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
classic queue, six messages, the first consumer has [0, 1]
  it closes its channel: the next one has [0, 1]
classic queue, six messages, the first consumer has [0, 1]
  it has cancelled: the next one has []
  it has acknowledged: the next one has []
  a new message has come: the next one has []
  its channel is closed: the next one has []
  a third consumer has come: the next one has []
  the next one has gone: the third has messages: False
quorum queue, six messages, the first consumer has [0, 1]
  it has cancelled: the next one has [2, 3]
  it has acknowledged: the next one has [2, 3]
  a new message has come: the next one has [2, 3]
  its channel is closed: the next one has [2, 3]
  a third consumer has come: the next one has [2, 3]
  the next one has gone: the third has messages: True
END
echo "as found: RabbitMQ 3.10.8"
