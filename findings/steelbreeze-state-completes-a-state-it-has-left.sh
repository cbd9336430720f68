#!/usr/bin/env bash
# npm @steelbreeze/state 8.3.1, in node.
#
# Guess: a completion transition, one without an event, is made from the state that is active, and once. A state that an event
#        takes the machine out of has no more say; one that a completion transition leaves is left once.
# Seen:  after an event was handled, the completion transitions of the state that had it are looked at whether it is still
#        active or not. If their guard is true by then, the machine goes from the state that it has just left to their
#        target: the lease that was released is lost all the same. And after an internal transition they are looked at twice,
#        so that the old state's exit action and the new state's entry action both run twice. Looking at them comes at the
#        end of evaluating any event, and internal transitions do it themselves as well.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" @steelbreeze/state@8.3.1 >/dev/null
cat >run.js <<'END'
const { State, PseudoState, PseudoStateKind, Instance } = require('@steelbreeze/state');

class Release {}
class Missed {}
class Again {}

// lease makes a machine that is held, and lost as soon as two renewals were missed.
function lease(released) {
  const log = [];
  const tally = { missed: 0 };
  const root = new State('lease');
  const [held, free, lost] = ['held', 'free', 'lost'].map((name) =>
    new State(name, root).entry(() => log.push(`enter ${name}`)).exit(() => log.push(`exit ${name}`)));
  new PseudoState('initial', root, PseudoStateKind.Initial).to(held);
  held.on(Missed).effect(() => tally.missed++);
  held.on(Release).effect(() => released(tally)).to(free);
  held.when(() => tally.missed >= 2).to(lost);
  free.on(Again).to(held);
  lost.on(Again).to(held);
  const instance = new Instance('instance', root);
  return { instance, log };
}

const one = lease((tally) => { tally.missed = 2; });
one.instance.evaluate(new Release());
console.log('released, and the guard is true by then:', one.log.join(', '));
const two = lease(() => {});
two.instance.evaluate(new Missed());
two.instance.evaluate(new Missed());
console.log('lost after two:', two.log.join(', '));
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
released, and the guard is true by then: enter held, exit held, enter free, exit held, enter lost
lost after two: enter held, exit held, enter lost, exit held, enter lost
END
echo "as found: @steelbreeze/state 8.3.1"
