#!/usr/bin/env bash
# Debian 12: python3-kubernetes 22.6.0, its leaderelection package, against a small API server for one config map.
#
# Guess: a leader that cannot renew its lease stops after renew_deadline and calls onstopped_leading, whatever the reason.
# Seen:  only if the API server answers with an error. If it is silent, the leader leads on beside the next one: a request
#        has no timeout, and the deadline is looked at between requests. If the connection is refused, run() raises at
#        once, without a try until the deadline and without onstopped_leading, while the work goes on in its thread: only
#        the exception for an answer with an error is handled.
set -euo pipefail
/usr/bin/python3 -c 'import kubernetes.leaderelection' || { echo "install the Debian package python3-kubernetes" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/run.py" <<'END'
import json, logging, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from kubernetes import client
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

logging.disable(logging.CRITICAL)
store, mutex = {'map': None, 'revision': 0}, threading.Lock()

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def reply(self, code, body):
        self.send_response(code)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'] or 0)) or 'null')
        while self.server.mode == 'silent': time.sleep(0.1)
        with mutex:
            if self.server.mode == 'error': return self.reply(500, {'code': 500})
            if self.command == 'GET':
                return self.reply(200, store['map']) if store['map'] else self.reply(404, {'code': 404})
            old = store['map'] and store['map']['metadata']['resourceVersion']
            if old != body['metadata'].get('resourceVersion'): return self.reply(409, {'code': 409})
            store['revision'] += 1
            body['metadata']['resourceVersion'] = str(store['revision'])
            store['map'] = body
            self.reply(201 if self.command == 'POST' else 200, body)
    do_GET = do_POST = do_PUT = do

def serve():  # one store, with a server for each candidate
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads, server.mode = True, 'ok'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

def candidate(name, server):
    config = client.Configuration()
    config.host = 'http://127.0.0.1:%d' % server.server_address[1]
    lock = ConfigMapLock('job', 'default', name)
    lock.api_instance = client.CoreV1Api(client.ApiClient(config))
    leads, seen = threading.Event(), []
    def run():
        try:
            LeaderElection(Config(lock, 6, 4, 1, leads.set, lambda: seen.append('onstopped_leading'))).run()
            seen.append('run() has returned')
        except Exception as err:
            seen.append('run() raised ' + type(err).__name__)
    threading.Thread(target=run, daemon=True).start()
    return leads, seen

mode = sys.argv[1]
ours = serve()
leads, seen = candidate('one', ours)
assert leads.wait(30)
other, _ = candidate('other', serve())
if mode == 'refused':
    ours.shutdown()
    ours.server_close()
ours.mode = mode
next_leads = other.wait(60)
time.sleep(12)
print(f'{mode}: next leads: {next_leads}, first:', ', '.join(seen) or 'no word')
END
for mode in error silent refused; do timeout 90 /usr/bin/python3 "$dir/run.py" "$mode" & done | sort | tee "$dir/seen"
diff "$dir/seen" - <<'END'
error: next leads: True, first: onstopped_leading, run() has returned
refused: next leads: True, first: run() raised MaxRetryError
silent: next leads: True, first: no word
END
echo "as found: python3-kubernetes 22.6.0"
