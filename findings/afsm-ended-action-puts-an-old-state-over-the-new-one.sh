#!/usr/bin/env bash
# npm afsm 2.4.9, Node.js 20.
#
# Guess: an action that was aborted by a transition from every state, `ChangeState([], 'stopped')`, has no effect on the
#        state any more, however it ends. An `ActionState`, which by its comment goes back to the
#        former state at its end, does so after a failure as well, and not if the machine has been stopped meanwhile.
# Seen:  if the aborted action succeeds the machine stays stopped; if it fails the machine goes from stopped back to the
#        state that it had before the action, where it can start again. An `ActionState` that fails leaves its own state
#        for good, and one that ends after a stop puts the machine back. On success alone afsm looks whether the action
#        was aborted; a rejected promise of an ActionState is not looked at, only an error that is thrown at once.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" afsm@2.4.9 >/dev/null
cat >run.mjs <<'END'
import { FSM, ChangeState, ActionState } from 'afsm';

// The decorators, applied as the TypeScript compiler does.
const decorate = (type, name, decorator) => {
  const property = Object.getOwnPropertyDescriptor(type.prototype, name);
  decorator(type.prototype, name, property);
  Object.defineProperty(type.prototype, name, property);
};
class Lease extends FSM {
  acquire(work) { return work; }
  renew(work) { return work; }
  async stop() {}
}
decorate(Lease, 'acquire', ChangeState('free', 'held'));
decorate(Lease, 'stop', ChangeState([], 'stopped'));
decorate(Lease, 'renew', ActionState('renewing'));

const round = async (from, action, stopped, fails) => {
  const lease = new Lease();
  lease.state = from;
  let end;
  const call = lease[action](new Promise((done, failed) => { end = fails ? () => failed(new Error('no answer')) : done; }));
  const seen = [from, String(lease.state)];
  if (stopped) {
    await lease.stop();
    seen.push(String(lease.state));
  }
  end();
  await call.catch(() => {});
  seen.push(String(lease.state));
  console.log(`${action} ${fails ? 'fails' : 'succeeds'}${stopped ? ' after a stop' : ''}: ${seen.join(', ')}`);
};
for (const action of ['acquire', 'renew']) {
  for (const stopped of [false, true]) {
    for (const fails of [false, true]) await round(action === 'acquire' ? 'free' : 'held', action, stopped, fails);
  }
}
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
acquire succeeds: free, acquireing, held
acquire fails: free, acquireing, free
acquire succeeds after a stop: free, acquireing, stopped, stopped
acquire fails after a stop: free, acquireing, stopped, free
renew succeeds: held, renewing, held
renew fails: held, renewing, renewing
renew succeeds after a stop: held, renewing, stopped, held
renew fails after a stop: held, renewing, stopped, stopped
END
echo "as found: afsm 2.4.9"
