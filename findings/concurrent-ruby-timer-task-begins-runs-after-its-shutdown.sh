#!/usr/bin/env bash
# Debian 12: ruby-concurrent 1.1.6, Ruby 3.1.
#
# Guess: a run of a TimerTask that is longer than timeout_interval is ended ("a timeout value allowing it to kill a task
#        that runs too long" is what the documentation says), and after shutdown and wait_for_termination, which says
#        true, no run begins.
# Seen:  the run goes on, and every further one that comes due meanwhile waits for it in a thread of its own. All of them
#        run once it is done, one after the other, also if shutdown and wait_for_termination were long over by then. With a
#        large timeout_interval none begins. (The timeout only makes the next run due; the runs share a mutex, and look
#        whether the task was shut down before they wait for that.)
set -euo pipefail
ruby -e "require 'concurrent'" 2>/dev/null || { echo "install the Debian packages ruby and ruby-concurrent" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'concurrent'

[1, 60].each do |timeout|
  begun, first_is_done, ended = Concurrent::AtomicFixnum.new, Concurrent::Event.new, nil
  task = Concurrent::TimerTask.new(execution_interval: 1, timeout_interval: timeout, run_now: true) do
    if begun.increment == 1
      first_is_done.wait
      ended = true
    end
  end
  task.execute
  sleep 9
  task.shutdown
  over = task.wait_for_termination(5)
  before = begun.value
  first_is_done.set
  sleep 4
  after = begun.value - before
  puts "timeout of #{timeout} s: a run of 9 s was ended: #{!ended}, terminated: #{over}, " \
       "runs begun by then: #{before}, after that: #{after > 1 ? 'several' : after}"
end
END
timeout 80 ruby run.rb | tee seen
diff seen - <<'END'
timeout of 1 s: a run of 9 s was ended: false, terminated: true, runs begun by then: 1, after that: several
timeout of 60 s: a run of 9 s was ended: false, terminated: true, runs begun by then: 1, after that: 0
END
echo "as found: concurrent-ruby 1.1.6"
