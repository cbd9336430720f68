#!/usr/bin/env bash
# npm node-sagas 0.0.6, in node.
#
# Guess: when a step fails, the compensations of the steps before it are run, as in the saga pattern that its documentation
#        points to, all of them, and a saga that is executed again begins anew.
# Seen:  the compensation of the step that failed is run first: a lock that it did not get is released for its holder. The
#        first compensation that fails keeps the others from being run. And a saga that is executed again, after a success,
#        runs the compensations of both executions if it fails, with the arguments of the second. A step is put on the list
#        before it is carried out, and the list is kept with the saga.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" node-sagas@0.0.6 >/dev/null
cat >run.js <<'END'
const { SagaBuilder } = require('node-sagas');

let log;
// saga makes one of three steps, of which the last fails for the order "two", and the compensation of the second if asked to.
function saga(badCompensation) {
  const step = (name, fails) => (order) => {
    log.push(name);
    if (fails && order === 'two') throw new Error(name);
  };
  return new SagaBuilder()
    .step('pay').invoke(step('pay')).withCompensation((order) => step(`repay ${order}`)(order))
    .step('pack').invoke(step('pack')).withCompensation((order) => step(`unpack ${order}`, badCompensation)(order))
    .step('lock').invoke(step('lock', true)).withCompensation((order) => step(`unlock ${order}`)(order))
    .build();
}
async function execute(name, saga, order) {
  log = [];
  const outcome = await saga.execute(order).then(() => 'done', (error) => error.constructor.name);
  console.log(`${name}: ${log.join(', ')}: ${outcome}`);
}
(async () => {
  await execute('a failing lock', saga(false), 'two');
  await execute('and a failing compensation', saga(true), 'two');
  const again = saga(false);
  await execute('one saga, order one', again, 'one');
  await execute('one saga, order two', again, 'two');
})();
END
timeout 20 node run.js | tee seen
diff seen - <<'END'
a failing lock: pay, pack, lock, unlock two, unpack two, repay two: SagaExecutionFailed
and a failing compensation: pay, pack, lock, unlock two, unpack two: SagaCompensationFailed
one saga, order one: pay, pack, lock: done
one saga, order two: pay, pack, lock, unlock two, unpack two, repay two, unlock two, unpack two, repay two: SagaExecutionFailed
END
echo "as found: node-sagas 0.0.6"
