#!/usr/bin/env bash
# Debian 12: python3-transitions 0.9.0.
#
# Guess: with LockedMachine, the thread-safe machine, the timeout of a state (Timeout, a feature of states) does not come once
#        the state was left: leaving a state cancels its timer.
# Seen:  a timeout that ends while a trigger is at work that leaves the state waits for the lock, and then runs its callbacks
#        in the state that comes after: a lease that was released in time is lost after its release. The timer's thread has
#        begun by then, so cancelling it has no effect, and it asks only for the lock, not for the state.
set -euo pipefail
/usr/bin/python3 -c 'import transitions' 2>/dev/null || { echo "install the Debian package python3-transitions" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import time

from transitions.extensions import LockedMachine
from transitions.extensions.states import Timeout, add_state_features


@add_state_features(Timeout)
class TimeoutMachine(LockedMachine):
    pass


class Lease:
    def __init__(self, seconds):
        self.seconds, self.told = seconds, []
        TimeoutMachine(self, initial='idle', states=[
            'idle', {'name': 'held', 'timeout': 2, 'on_timeout': ['tell', 'expire']}, 'lost',
        ], transitions=[
            ['take', 'idle', 'held'],
            {'trigger': 'release', 'source': 'held', 'dest': 'idle', 'before': 'clean_up'},
            ['expire', '*', 'lost'],
        ])

    def clean_up(self):
        time.sleep(self.seconds)

    def tell(self):
        self.told.append('timeout of held in ' + self.state)


for seconds in 0, 4:
    lease = Lease(seconds)
    lease.take()
    released = lease.release()
    state = lease.state
    time.sleep(4)
    print(f'clean-up of {seconds} s: released {released}, then in {state}; {lease.told}, at last in {lease.state}')
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
clean-up of 0 s: released True, then in idle; [], at last in idle
clean-up of 4 s: released True, then in idle; ['timeout of held in idle'], at last in lost
END
echo "as found: transitions 0.9.0"
