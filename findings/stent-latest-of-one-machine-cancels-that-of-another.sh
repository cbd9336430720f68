#!/usr/bin/env bash
# npm stent 8.0.4, in node.
#
# Guess: `machine.acquire.latest()`, documented to cancel the logic of a previous call of that method, leaves other machines
#        alone. And an action that is still at work after the machine has been taken to another state has no say any more.
# Seen:  it cancels the action of the same name of whichever machine made the last such call: of two leases that are acquired
#        one after the other, the first stays in "acquiring" for ever, without an error. The actions under way are kept in
#        one table of the module by the action's name alone. And an action that ends puts its state over the current one,
#        whatever has come since: a machine that gave up, and is free, is held a moment later.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" stent@8.0.4 >/dev/null
cat >run.js <<'END'
const { Machine } = require('stent');
const { call } = require('stent/lib/helpers');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function lease(name) {
  return Machine.create(name, {
    state: { name: 'free' },
    transitions: {
      free: {
        acquire: function* () {
          yield 'acquiring';
          yield call(pause, 500);
          return 'held';
        },
      },
      acquiring: { 'give up': 'free' },
      held: { release: 'free' },
    },
  });
}
const settled = () => pause(2000);

(async () => {
  const [first, second] = [lease('first'), lease('second')];
  first.acquire.latest();
  second.acquire.latest();
  await settled();
  console.log(`acquire.latest() of two machines: ${first.state.name} and ${second.state.name}`);

  const [third, fourth] = [lease('third'), lease('fourth')];
  third.acquire();
  fourth.acquire();
  await settled();
  console.log(`acquire() of two machines: ${third.state.name} and ${fourth.state.name}`);

  const fifth = lease('fifth');
  fifth.acquire();
  fifth.giveUp();
  const now = fifth.state.name;
  await settled();
  console.log(`given up: ${now}, and then ${fifth.state.name}`);
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
acquire.latest() of two machines: acquiring and held
acquire() of two machines: held and held
given up: free, and then held
END
echo "as found: stent 8.0.4"
