#!/usr/bin/env bash
# Debian 12: ruby-concurrent 1.1.6, Ruby 3.1.
#
# Guess: a thread that is killed, or ended by Timeout, while it waits for the write lock of a ReadWriteLock or of a
#        ReentrantReadWriteLock leaves no trace: readers go on as before.
# Seen:  no reader gets the lock any more, though nobody holds it: try_read_lock and try_write_lock are false, and
#        acquire_read_lock waits until a writer has come and gone, each time. (A waiting writer counts itself in before it
#        waits, and nothing counts it out but its own success.)
set -euo pipefail
ruby -e "require 'concurrent'" 2>/dev/null || { echo "install the Debian packages ruby and ruby-concurrent" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'concurrent'

# gets tells whether the block, in a thread of its own, is over soon.
def gets
  thread = Thread.new { yield }
  thread.join(4) ? true : (thread.kill; false)
end

[Concurrent::ReadWriteLock, Concurrent::ReentrantReadWriteLock].each do |kind|
  lock, done = kind.new, Queue.new
  reader = Thread.new { lock.with_read_lock { done.pop } }
  sleep 0.1 until reader.status == 'sleep'
  puts "#{kind.name.split('::').last}: a second reader gets it: #{gets { lock.with_read_lock {} }}"
  puts "  a writer that is killed while it waits had it: #{gets { lock.with_write_lock {} }}"
  done << true
  reader.join
  puts "  the reader is gone, a reader gets it: #{gets { lock.with_read_lock {} }}, a writer: #{gets { lock.with_write_lock {} }}"
  puts "  try_read_lock: #{lock.try_read_lock}, try_write_lock: #{lock.try_write_lock}" if lock.respond_to? :try_read_lock
  puts "  after the writer a reader gets it: #{gets { lock.with_read_lock {} }}"
end
END
timeout 80 ruby run.rb | tee seen
diff seen - <<'END'
ReadWriteLock: a second reader gets it: true
  a writer that is killed while it waits had it: false
  the reader is gone, a reader gets it: false, a writer: true
  after the writer a reader gets it: false
ReentrantReadWriteLock: a second reader gets it: true
  a writer that is killed while it waits had it: false
  the reader is gone, a reader gets it: false, a writer: true
  try_read_lock: false, try_write_lock: false
  after the writer a reader gets it: false
END
echo "as found: concurrent-ruby 1.1.6"
