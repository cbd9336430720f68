#!/usr/bin/env bash
# beanstalkd 1.12 of Debian 12.
#
# Guess: with a binlog (-b) a restart changes nothing but that connections are lost: a tube that is paused for an hour
#        stays paused, a delayed job waits for the rest of its delay, and stats-job still counts the tries of a job, from
#        which workers tell when to give it up.
# Seen:  the delay goes on, the pause is gone: jobs are handed out at once. The reserves and timeouts of a job begin at 0
#        again, so that a job that always fails is tried for ever if the server is restarted now and then. The counts
#        are written when a job is released or buried, not when it is reserved or runs out of time; a job that was
#        buried once has been buried twice after the restart.
set -euo pipefail
command -v beanstalkd >/dev/null || { echo "install the Debian package beanstalkd" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir binlog
cat >run.py <<'END'
import atexit
import socket
import subprocess
import time


def free():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start():
    global port
    port = free()
    server = subprocess.Popen(['beanstalkd', '-l', '127.0.0.1', '-p', str(port), '-b', 'binlog', '-f', '0'])
    atexit.register(server.kill)
    for _ in range(100):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return server
        except OSError:
            time.sleep(0.1)


class Client:
    def __init__(self):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.file = self.socket.makefile('rb')

    def ask(self, *lines):
        self.socket.sendall(''.join(line + '\r\n' for line in lines).encode())
        answer = self.file.readline().decode().split()
        if answer[0] in ('OK', 'RESERVED'):
            answer.append(self.file.read(int(answer[-1]) + 2).decode())
        return answer

    def put(self, tube, body, delay=0, ttr=600):
        self.ask('use ' + tube)
        return self.ask('put 0 %d %d %d' % (delay, ttr, len(body)), body)[1]

    def reserve(self, tube):
        self.ask('watch ' + tube)
        return self.ask('reserve-with-timeout 0')[0]

    def stats(self, job):
        return dict(line.split(': ') for line in self.ask('stats-job ' + job)[-1].splitlines() if ': ' in line)


def show(when):
    client = Client()
    print('%s:' % when)
    print('  more than half of the delay is left: %s' % (int(client.stats(delayed)['time-left']) > 1800))
    print('  the paused tube: %s' % client.reserve('paused'))
    stats = client.stats(failing)
    print('  the job that ran out of time twice: reserves %s, timeouts %s' % (stats['reserves'], stats['timeouts']))
    print('  the job that was buried: buries %s' % client.stats(buried)['buries'])


server = start()
client = Client()
delayed = client.put('delayed', 'delayed', delay=3600)
client.put('paused', 'paused')
client.ask('pause-tube paused 3600')
failing = client.put('failing', 'failing', ttr=1)
worker = Client()
for _ in range(2):
    assert worker.reserve('failing') == 'RESERVED'
    while client.stats(failing)['state'] != 'ready':
        time.sleep(0.2)
buried = client.put('buried', 'buried')
assert worker.ask('ignore failing') and worker.reserve('buried') == 'RESERVED'
worker.ask('bury %s 0' % buried)
show('before')
server.terminate()
server.wait()
server = start()
show('after the restart')
server.terminate()
server.wait()
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
before:
  more than half of the delay is left: True
  the paused tube: TIMED_OUT
  the job that ran out of time twice: reserves 2, timeouts 2
  the job that was buried: buries 1
after the restart:
  more than half of the delay is left: True
  the paused tube: RESERVED
  the job that ran out of time twice: reserves 0, timeouts 0
  the job that was buried: buries 2
END
echo "as found: beanstalkd 1.12"
