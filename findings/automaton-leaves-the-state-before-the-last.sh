#!/usr/bin/env bash
# Debian's python3-automaton 3.0.1 (OpenStack's automaton).
#
# Guess: when a machine leaves a state, the on_exit callback of that state is called.
# Seen:  the on_exit callback of the state before it is called, with the name of the state that is left. What a
#        state takes on entry is given back one transition late, and never if the next state is terminal. Only for
#        the first state it is the right one. (add_transition puts the on_exit of its start on the jump to its
#        end, and process_event calls what the last jump carries.)
set -euo pipefail
/usr/bin/python3 -c 'import automaton' 2>/dev/null || { echo "install the Debian package python3-automaton" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from automaton import machines

def note(what):
    return lambda state, event: print(f"  {what}, told {state}")

machine = machines.FiniteMachine()
for name in ("waiting", "holding", "resting"):
    machine.add_state(name, on_enter=note("enter " + name), on_exit=note("exit " + name))
machine.add_state("over", terminal=True, on_enter=note("enter over"))
machine.add_transition("waiting", "holding", "take")
machine.add_transition("holding", "resting", "rest")
machine.add_transition("resting", "over", "end")
machine.default_start_state = "waiting"
machine.initialize()
for event in ("take", "rest", "end"):
    print(f"{event} in {machine.current_state}")
    machine.process_event(event)
END
timeout 20 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
take in waiting
  exit waiting, told waiting
  enter holding, told holding
rest in holding
  exit waiting, told holding
  enter resting, told resting
end in resting
  exit holding, told resting
  enter over, told over
END
echo "as found: python3-automaton $(dpkg-query -f '${Version}' -W python3-automaton)"
