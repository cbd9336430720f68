#!/usr/bin/env bash
# npm y-protocols 1.0.7, yjs 13.6.33, in node.
#
# Guess: a member that a peer has taken out, as its connection had ended, is there again for that peer once it has
#        connected again and sent its state with encodeAwarenessUpdate.
# Seen:  its state is passed over until it has a new clock: as long as the member sets nothing that is up to 15 s, when
#        it renews its clock by itself. Then the peer reports it as "updated", never as "added", so a list kept by
#        "added" and "removed" lacks it. Taking a member out keeps its clock, and a state with the same clock counts
#        only if it says that the member is gone.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" y-protocols@1.0.7 yjs@13.6.33 >/dev/null
cat >run.mjs <<'END'
import * as Y from 'yjs';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const member = new Awareness(new Y.Doc());
const peer = new Awareness(new Y.Doc());
const id = member.clientID;
const connect = () => applyAwarenessUpdate(peer, encodeAwarenessUpdate(member, [id]), 'connection');
const list = new Set();
peer.on('change', ({ added, removed }) => {
  added.forEach((client) => list.add(client));
  removed.forEach((client) => list.delete(client));
});
const show = (when) => console.log(`${when}: the peer sees the member: ${peer.getStates().has(id)}, its list has it: ${list.has(id)}`);

member.setLocalState({ holds: 'job' });
connect();
show('connected');
removeAwarenessStates(peer, [id], 'connection closed');
show('connection closed');
connect();
show('connected again');
const begin = Date.now();
for (let i = 0; i < 300 && !peer.getStates().has(id); i++) {
  await sleep(100);
  connect();
}
console.log(`seen only after more than 5 s: ${Date.now() - begin > 5000}`);
show('after the renewal');
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
connected: the peer sees the member: true, its list has it: true
connection closed: the peer sees the member: false, its list has it: false
connected again: the peer sees the member: false, its list has it: false
seen only after more than 5 s: true
after the renewal: the peer sees the member: true, its list has it: false
END
echo "as found: y-protocols 1.0.7"
