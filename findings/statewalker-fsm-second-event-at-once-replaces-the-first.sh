#!/usr/bin/env bash
# npm @statewalker/fsm 0.16.0, in node.
#
# Guess: two events that are sent to an asynchronous process at once are handled one after the other, as they are when
#        the second comes while the first is being handled.
# Seen:  the first is lost, and the second is handled in the state before it: there it is not known, which ends the
#        process. Both calls of next are answered with the same. The event is kept in one place until the next
#        microtask.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @statewalker/fsm@0.16.0 >/dev/null
cat >run.mjs <<'END'
import { newAsyncProcess } from '@statewalker/fsm';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const make = async () => {
  const log = [];
  const process = newAsyncProcess({
    config: { key: 'Job', transitions: [['', '*', 'Idle'], ['Idle', 'claim', 'Held'], ['Held', 'begin', 'Working']] },
    before: async ({ current }) => { log.push(current.key); await sleep(100); },
    after: async () => {},
  });
  await process.next({ key: 'start' });
  return { process, show: (when) => console.log(`${when}: ${log.join(' > ')}; finished: ${process.finished}`) };
};
for (const [when, pause] of [['second event during the first', 20], ['both at once', undefined]]) {
  const { process, show } = await make();
  const first = process.next({ key: 'claim' });
  if (pause) await sleep(pause);
  await Promise.all([first, process.next({ key: 'begin' })]);
  await sleep(1000);
  show(when);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
second event during the first: Job > Idle > Held > Working; finished: false
both at once: Job > Idle; finished: true
END
echo "as found: @statewalker/fsm 0.16.0"
