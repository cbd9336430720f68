#!/usr/bin/env bash
# npm unix-socket-leader 0.1.2, Linux, in node.
#
# Guess: close() of a follower ends its connection to the leader, which sees it go. The description: "Closes the
#        instance, severing all current connections".
# Seen:  the callback is called, and the connection stays as long as the process of the follower: the leader goes on
#        counting it, and what it writes still arrives. close() of the leader does end them all. The connection is kept
#        in a variable of the inner function that hides the one which close looks at.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" unix-socket-leader@0.1.2 >/dev/null
cat >run.mjs <<'END'
import leader from 'unix-socket-leader';
import { tmpdir } from 'node:os';
import { mkdtempSync, rmSync } from 'node:fs';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const dir = mkdtempSync(`${tmpdir()}/leader-`);
const sockets = new Set();
const first = leader(`${dir}/sock`);
first.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket)).resume();
});
await new Promise((done) => first.once('client', (socket) => { socket.resume(); done(); }));
const second = leader(`${dir}/sock`);
const heard = [];
await new Promise((done) => second.once('client', (socket) => {
  socket.on('data', (data) => heard.push(`${data}`)).on('error', () => {});
  done();
}));
await sleep(1000);
console.log(`connections at the leader, with its own: ${sockets.size}`);
let closed = false;
second.close(() => { closed = true; });
await sleep(3000);
for (const socket of sockets) socket.write('hello');
await sleep(1000);
console.log(`the follower is closed: ${closed}; connections at the leader: ${sockets.size}; the follower heard ${JSON.stringify(heard)}`);
first.close(() => {});
await sleep(2000);
console.log(`the leader is closed; connections: ${sockets.size}`);
rmSync(dir, { recursive: true });
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
connections at the leader, with its own: 2
the follower is closed: true; connections at the leader: 2; the follower heard ["hello"]
the leader is closed; connections: 0
END
echo "as found: unix-socket-leader 0.1.2"
