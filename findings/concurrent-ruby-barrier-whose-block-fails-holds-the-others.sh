#!/usr/bin/env bash
# Debian 12: ruby-concurrent 1.1.6, Ruby 3.1.
#
# Guess: if the block of a CyclicBarrier fails, the barrier is broken, as that of Java is, which it is modelled on: those
#        who wait for it are let go and told. Who was killed while it waited is not counted as one who is there.
# Seen:  who called the block has its error, and the others wait on for ever at a barrier that is not broken; those who
#        come later wait too, more than there are parties. A thread that was killed counts on: of two parties the next
#        one to come passes alone, and is told that both are there. (The count of the waiting goes down with a new
#        generation alone, and neither the error nor the end of a waiter makes one.)
set -euo pipefail
ruby -e "require 'concurrent'" 2>/dev/null || { echo "install the Debian packages ruby and ruby-concurrent" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'concurrent'

failing = Concurrent::CyclicBarrier.new(2) { raise 'the block failed' }
early = Thread.new { failing.wait }
sleep 0.1 until early.status == 'sleep'
begin
  failing.wait
rescue => e
  puts "who comes last: #{e.message}"
end
late = [1, 2].map { Thread.new { failing.wait } }
puts "after 5 s those who came before and after it wait: #{early.join(5).nil?} #{late.map { |thread| thread.join(1).nil? }}"
puts "broken: #{failing.broken?}, waiting: #{failing.number_waiting} of #{failing.parties} parties"

barrier = Concurrent::CyclicBarrier.new(2)
killed = Thread.new { barrier.wait }
sleep 0.1 until killed.status == 'sleep'
killed.kill.join
puts "the other of two was killed while it waited: #{barrier.wait(3)}, broken: #{barrier.broken?}"
END
timeout 60 ruby run.rb | tee seen
diff seen - <<'END'
who comes last: the block failed
after 5 s those who came before and after it wait: true [true, true]
broken: false, waiting: 4 of 2 parties
the other of two was killed while it waited: true, broken: false
END
echo "as found: concurrent-ruby 1.1.6"
