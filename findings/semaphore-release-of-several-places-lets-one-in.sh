#!/usr/bin/env bash
# npm semaphore 1.1.0, Node.js 20.
#
# Guess: when a holder of three places gives them back with `leave(3)`, three that wait for one place each get in. Who
#        waits is served before those who come later.
# Seen:  one of the waiting gets in, and two places stay free while two wait: `available(2)` says so. One who comes then
#        gets a free place at once, before those who wait, who get in one by one as others leave. `leave` looks at the
#        first of the queue and at no other, and `take` does not look at the queue at all.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" semaphore@1.1.0 >/dev/null
cat >run.mjs <<'END'
import createSemaphore from 'semaphore';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (what, giveBack) => {
  const places = createSemaphore(3);
  const inside = [];
  const take = (name) => places.take(() => inside.push(name));
  places.take(3, () => {});
  for (const name of ['first', 'second', 'third']) take(name);
  giveBack(places);
  await sleep(500);
  console.log(`${what}: in are ${inside.join(', ')}; two places free: ${places.available(2)}`);
  take('newcomer');
  await sleep(500);
  console.log(`  a newcomer comes: in are ${inside.join(', ')}`);
};
await round('three times leave()', (places) => { for (let i = 0; i < 3; i += 1) places.leave(); });
await round('leave(3)', (places) => places.leave(3));
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
three times leave(): in are first, second, third; two places free: false
  a newcomer comes: in are first, second, third
leave(3): in are first; two places free: true
  a newcomer comes: in are first, newcomer
END
echo "as found: semaphore 1.1.0"
