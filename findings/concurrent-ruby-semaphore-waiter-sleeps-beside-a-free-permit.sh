#!/usr/bin/env bash
# Debian 12: ruby-concurrent 1.1.6, Ruby 3.1.
#
# Guess: a permit that is released goes to a thread that it is enough for: with one waiter for two permits and one for a
#        single permit, the second one has it. A try_acquire that gives up makes room for the waiter behind it.
# Seen:  the waiter for one permit sleeps beside a free permit, also after the one for two has given up, while anybody who
#        comes later gets it at once. (release wakes as many waiters as it gives permits, the longest waiting first; one
#        that it wakes in vain goes back to sleep and passes nothing on.)
set -euo pipefail
ruby -e "require 'concurrent'" 2>/dev/null || { echo "install the Debian packages ruby and ruby-concurrent" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'concurrent'

# free starts a waiter for two permits and then one for one, and gives one permit back.
def free(what)
  semaphore = Concurrent::Semaphore.new(2)
  semaphore.acquire(2)
  two = Thread.new { yield semaphore }
  sleep 0.1 until two.status == 'sleep'
  sleep 0.5
  one = Thread.new { semaphore.acquire; true }
  sleep 0.1 until one.status == 'sleep'
  sleep 0.5
  semaphore.release
  gave_up = two.join(8) ? 'has given up' : 'waits on'
  puts "#{what} #{gave_up}; the one for a single permit has it: #{one.join(5) ? true : false}; free permits: #{semaphore.available_permits}"
  puts "  one who comes now gets a permit: #{semaphore.try_acquire}"
end

free('a waiter for two permits') { |semaphore| semaphore.acquire(2) }
free('a waiter for two permits with a timeout') { |semaphore| semaphore.try_acquire(2, 4) }
END
timeout 60 ruby run.rb | tee seen
diff seen - <<'END'
a waiter for two permits waits on; the one for a single permit has it: false; free permits: 1
  one who comes now gets a permit: true
a waiter for two permits with a timeout has given up; the one for a single permit has it: false; free permits: 1
  one who comes now gets a permit: true
END
echo "as found: concurrent-ruby 1.1.6"
