#!/usr/bin/env bash
# npm @matrixai/async-locks 5.0.2, in node.
#
# Guess: a waiter of a Semaphore whose time is up is out of the queue: those behind it for whom there is room get in.
# Seen:  they wait on, with room for them and nobody before them, until somebody releases. A newcomer that asks does not
#        help: the waiter that gave up stays at the head of the queue with the weight that it asked for. It is only
#        marked, and the mark is looked at after its weight fits.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @matrixai/async-locks@5.0.2 >/dev/null
cat >run.mjs <<'END'
import { Semaphore } from '@matrixai/async-locks';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const semaphore = new Semaphore(3);
const [release] = await semaphore.lock(2)(); // one place of three is left
const gone = semaphore.lock(2, { timer: 300 })();
let small = 'waits';
semaphore.lock(1)().then(() => { small = 'is in'; });
await gone.catch((error) => console.log(`the one that asked for two: ${error.constructor.name}`));
await sleep(500);
console.log(`the one behind it, that asked for one: ${small}`);
let newcomer = 'waits';
semaphore.lock(1, { timer: 1000 })().then(() => { newcomer = 'is in'; }, () => { newcomer = 'gave up'; });
await sleep(3000);
console.log(`a newcomer that asks for one: ${newcomer}; the one behind: ${small}; counted: ${semaphore.count}`);
await release();
await sleep(500);
console.log(`after the release of two: the one behind: ${small}`);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
the one that asked for two: ErrorAsyncLocksTimeout
the one behind it, that asked for one: waits
a newcomer that asks for one: gave up; the one behind: waits; counted: 2
after the release of two: the one behind: is in
END
echo "as found: @matrixai/async-locks 5.0.2"
