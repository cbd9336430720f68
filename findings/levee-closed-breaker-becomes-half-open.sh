#!/usr/bin/env bash
# npm levee 1.5.1, in node.
#
# Guess: a breaker that has closed again, since a call from before it opened has succeeded, is closed: calls go through side by
#        side until `maxFailures` of them have failed.
# Seen:  `resetTimeout` after the opening it goes from closed to half open, where all calls but one are refused and a single
#        failure opens it, though the service is well. The timer that the opening has started is not ended by the closing;
#        each opening adds one.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	levee@1.5.1 >/dev/null
cat >run.mjs <<'END'
import levee from 'levee';

const service = ({ ms, error }, callback) => setTimeout(() => callback(error, 'done'), ms);
const breaker = levee.createBreaker(service, { maxFailures: 2, resetTimeout: 5000, timeout: 20000 });
const call = (what) => new Promise((done) => breaker.run(what, (error, data) => done(error ? error.message : data)));
setInterval(() => {}, 1000); // the breaker's timers keep no process alive
const event = (name) => new Promise((done) => breaker.once(name, done));
for (const name of ['open', 'half_open', 'close']) breaker.on(name, () => console.log(`  event: ${name}`));

const slow = call({ ms: 1500 });
const down = { ms: 10, error: new Error('down') };
console.log('two calls fail:', await Promise.all([call(down), call(down)]));
console.log('one more:', await call({ ms: 10 }));
const halfOpen = event('half_open');
console.log('the slow call from before:', await slow);
console.log('two at once:', await Promise.all([call({ ms: 300 }), call({ ms: 300 })]));
await halfOpen;
console.log('two at once:', await Promise.all([call({ ms: 300 }), call({ ms: 300 })]));
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
  event: open
two calls fail: [ 'down', 'down' ]
one more: Command not available.
  event: close
the slow call from before: done
two at once: [ 'done', 'done' ]
  event: half_open
  event: close
two at once: [ 'done', 'Command not available.' ]
END
echo "as found: levee 1.5.1"
