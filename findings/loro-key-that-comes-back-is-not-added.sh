#!/usr/bin/env bash
# npm loro-crdt 1.17.1 (a Rust library as WebAssembly), in node.
#
# Guess: a subscriber of an EphemeralStore can keep a list of who is there by "added" and "removed": a key that was
#        removed and is set again is "added", as one that ran out is.
# Seen:  a key that was deleted and is set again is "updated", in the own store and at the peers, so such a list lacks a
#        holder who is there. Also two timeouts after the deletion: that leaves an entry without a value, which the
#        cleanup stops looking for once no key has a value. A key that ran out is "added" when it comes back.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" loro-crdt@1.17.1 >/dev/null
cat >run.mjs <<'END'
import { EphemeralStore } from 'loro-crdt';

const pause = (ms) => new Promise((r) => setTimeout(r, ms));
async function play(name, timeout, steps) {
  const holder = new EphemeralStore(timeout);
  const peer = new EphemeralStore(timeout);
  holder.subscribeLocalUpdates((update) => peer.apply(update));
  const present = new Set();
  const heard = [];
  peer.subscribe(({ added, updated, removed, by }) => {
    added.forEach((key) => present.add(key));
    removed.forEach((key) => present.delete(key));
    const words = Object.entries({ added, updated, removed }).filter(([, keys]) => keys.length).map(([word]) => word);
    if (words.length) heard.push(`${words.join('+')} by ${by}`);
  });
  for (const step of steps) { await step(holder); await pause(50); }
  console.log(`${name}: ${heard.join(', ')}; by the list ${[...present].join() || 'nobody'}, in the store ${peer.keys().join() || 'nobody'}`);
}
const set = (s) => s.set('a', 1);
const remove = (s) => s.delete('a');
await play('set, deleted, set', 60000, [set, remove, set]);
await play('set, deleted, set after the timeout', 3000, [set, remove, () => pause(9000), set]);
await play('set, run out, set', 3000, [set, () => pause(9000), set]);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
set, deleted, set: added by import, removed by import, updated by import; by the list nobody, in the store a
set, deleted, set after the timeout: added by import, removed by import, updated by import; by the list nobody, in the store a
set, run out, set: added by import, removed by timeout, added by import; by the list a, in the store a
END
echo "as found: loro-crdt 1.17.1"
