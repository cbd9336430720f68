#!/usr/bin/env bash
# npm @deepkit/workflow 1.0.19 with @deepkit/core, event, injector, stopwatch and type 1.0.19, in node.
#
# Guess: `apply` of a place that no transition from the current one leads to is refused with a WorkflowError, as documented,
#        when `can` says false. Of two calls of `apply` at once that make one transition, one is refused.
# Seen:  a place that no transition at all leads to, as the first one mostly is, can be applied from everywhere, although `can`
#        says false: the lease that is released is free, and then held, again. The check is built from the transitions to a
#        place, and left out where there are none. And of two calls at once both succeed and both call the listeners, since
#        the new state is set after the last listener has ended.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
packages=()
for name in workflow core event injector stopwatch type; do packages+=("@deepkit/$name@1.0.19"); done
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --legacy-peer-deps --prefix "$dir" \
	"${packages[@]}" >/dev/null
cat >run.js <<'END'
const { createWorkflow, WorkflowEvent } = require('@deepkit/workflow');
const { EventDispatcher } = require('@deepkit/event');
const { Stopwatch } = require('@deepkit/stopwatch');
const { InjectorContext } = require('@deepkit/injector');

const lease = createWorkflow(
  'lease',
  { free: WorkflowEvent, held: WorkflowEvent, released: WorkflowEvent },
  { free: 'held', held: 'released' },
);
const dispatcher = new EventDispatcher(InjectorContext.forProviders([]));
let acquired = 0;
dispatcher.listen(lease.onHeld, async () => {
  acquired++;
  await new Promise((done) => setTimeout(done, 500));
});
const outcome = (applied) => applied.then(() => 'applied', (error) => `refused, ${error.constructor.name}`);

(async () => {
  const machine = lease.create('free', dispatcher, new Stopwatch());
  const both = await Promise.all([outcome(machine.apply('held')), outcome(machine.apply('held'))]);
  console.log(`two calls at once from free to held: ${both.join(' and ')}; acquired ${acquired} times`);
  await machine.apply('released');
  console.log(`released to held: can ${machine.can('held')}, ${await outcome(machine.apply('held'))}`);
  console.log(`released to free: can ${machine.can('free')}, ${await outcome(machine.apply('free'))}; now ${machine.state.get()}`);
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
two calls at once from free to held: applied and applied; acquired 2 times
released to held: can false, refused, WorkflowError
released to free: can false, applied; now free
END
echo "as found: @deepkit/workflow 1.0.19"
