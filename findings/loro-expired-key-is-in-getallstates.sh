#!/usr/bin/env bash
# npm loro-crdt 1.17.1 (a Rust library as WebAssembly), in node.
#
# Guess: a key of an EphemeralStore that has had no update for the timeout is gone for whoever asks. The description of
#        the class says so: expired keys "are omitted from encode(key), encodeAll() and getAllStates()".
# Seen:  getAllStates, get and keys go on having it until the next tick of the cleanup, up to half a timeout later, at a
#        moment when encodeAll of the same store leaves it out. A list of holders read with getAllStates has one that
#        has been gone for 1.5 timeouts, and a new peer that is told with encodeAll does not. Only the two encode
#        functions look at the clock.
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

const timeout = 8000;
const sleepUntil = (moment) => new Promise((r) => setTimeout(r, moment - Date.now()));
const holder = new EphemeralStore(timeout);
const store = new EphemeralStore(timeout);
const set = Date.now();
holder.set('holder', 'a');
const update = holder.encodeAll();
// The cleanup of the store begins as it hears of the key, so its ticks are at 7, 11 and 15 s.
await sleepUntil(set + 3000);
store.apply(update);
const show = (when) => {
  const later = new EphemeralStore(timeout);
  later.apply(store.encodeAll());
  console.log(`${when}: getAllStates ${JSON.stringify(store.getAllStates())}, get ${store.get('holder')}, ` +
    `keys ${JSON.stringify(store.keys())}, a peer that applies encodeAll ${JSON.stringify(later.getAllStates())}`);
};
show('before the timeout');
await sleepUntil(set + 9000);
show('after the timeout');
await sleepUntil(set + 14000);
show('after the next tick');
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
before the timeout: getAllStates {"holder":"a"}, get a, keys ["holder"], a peer that applies encodeAll {"holder":"a"}
after the timeout: getAllStates {"holder":"a"}, get a, keys ["holder"], a peer that applies encodeAll {}
after the next tick: getAllStates {}, get undefined, keys [], a peer that applies encodeAll {}
END
echo "as found: loro-crdt 1.17.1"
