#!/usr/bin/env bash
# npm loro-crdt 1.17.1 (a Rust library as WebAssembly), in node.
#
# Guess: a peer that applies every update of an EphemeralStore, in order, has what that store has. "Timestamp-based
#        LWW (Last-Write-Wins)" decides between two peers, and has a rule for the case that two write at one time.
# Seen:  of two writes of one store within a millisecond the peer keeps the first. A holder that is announced and taken
#        away again at once stays in the other store until the timeout. Two peers that write a key within a millisecond
#        each keep their own value and go on naming different holders. The timestamp has milliseconds, apply takes
#        only a newer one, and set and delete do not move it on past the last one.
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
const pair = () => {
  const one = new EphemeralStore(60000);
  const two = new EphemeralStore(60000);
  one.subscribeLocalUpdates((update) => two.apply(update));
  two.subscribeLocalUpdates((update) => one.apply(update));
  return [one, two];
};
// A try counts if its two writes were within one millisecond, so each is made until one was.
async function within(name, write) {
  for (let i = 0; i < 1000; i++) {
    const [one, two] = pair();
    const begin = Date.now();
    await write(one, two);
    if (Date.now() !== begin) continue;
    console.log(`${name}: ${one.get('holder') ?? 'nobody'} and ${two.get('holder') ?? 'nobody'}`);
    return;
  }
}
for (const [gap, wait] of [['at once', () => {}], ['after a pause', () => pause(20)]]) {
  const run = gap === 'at once' ? within : async (name, write) => {
    const [one, two] = pair();
    await write(one, two);
    console.log(`${name}: ${one.get('holder') ?? 'nobody'} and ${two.get('holder') ?? 'nobody'}`);
  };
  const steps = (first, second) => gap === 'at once'
    ? (one, two) => { first(one, two); second(one, two); }
    : async (one, two) => { first(one, two); await wait(); second(one, two); };
  await run(`set and set ${gap}`, steps((one) => one.set('holder', 'a'), (one) => one.set('holder', 'b')));
  await run(`set and delete ${gap}`, steps((one) => one.set('holder', 'a'), (one) => one.delete('holder')));
  await run(`set by each ${gap}`, steps((one) => one.set('holder', 'a'), (one, two) => two.set('holder', 'b')));
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
set and set at once: b and a
set and delete at once: nobody and a
set by each at once: a and b
set and set after a pause: b and b
set and delete after a pause: nobody and nobody
set by each after a pause: b and b
END
echo "as found: loro-crdt 1.17.1"
