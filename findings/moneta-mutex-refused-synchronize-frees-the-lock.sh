#!/usr/bin/env bash
# Debian 12: ruby-moneta 1.5.2, Ruby 3.1.
#
# Guess: synchronize of a Moneta::Mutex that another thread is in waits for that thread, or raises an error and leaves the
#        lock to its holder.
# Seen:  it raises "Already locked" and frees the lock: whoever comes next is let in beside the holder, who has the error
#        "Not locked" at its end. A nested synchronize of one thread does the same. With a mutex object of its own each
#        thread waits. (synchronize calls leave in its ensure, which covers enter too; leave asks the object, not who has
#        it.)
set -euo pipefail
ruby -e "require 'moneta'" 2>/dev/null || { echo "install the Debian packages ruby and ruby-moneta" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'moneta'

{ 'one object for both' => true, 'an object each' => false }.each do |name, shared|
  store = Moneta.new(:Memory, threadsafe: true)
  mutex = Moneta::Mutex.new(store, 'job')
  inside, go_on = Queue.new, Queue.new
  holder = Thread.new do
    mutex.synchronize do
      inside << true
      go_on.pop
    end
    'no error'
  rescue => e
    e.message
  end
  inside.pop
  second = Thread.new do
    (shared ? mutex : Moneta::Mutex.new(store, 'job')).synchronize {}
    'goes in'
  rescue => e
    e.message
  end
  ended = second.join(4)
  puts "#{name}: the second thread: #{ended ? second.value : 'waits'}"
  third = Moneta::Mutex.new(store, 'job')
  puts "  the holder is at work; a third one gets the lock: #{third.try_enter}"
  go_on << true
  puts "  the holder at its end: #{holder.value}"
  second.join
end

mutex = Moneta::Mutex.new(store = Moneta.new(:Memory), 'job')
begin
  mutex.synchronize do
    mutex.synchronize {} rescue puts "nested in one thread: #{$!.message}"
    puts "  in the outer block; another gets the lock: #{Moneta::Mutex.new(store, 'job').try_enter}"
  end
rescue => e
  puts "  the outer block at its end: #{e.message}"
end
END
timeout 60 ruby run.rb | tee seen
diff seen - <<'END'
one object for both: the second thread: Already locked
  the holder is at work; a third one gets the lock: true
  the holder at its end: Not locked
an object each: the second thread: waits
  the holder is at work; a third one gets the lock: false
  the holder at its end: no error
nested in one thread: Already locked
  in the outer block; another gets the lock: true
  the outer block at its end: Not locked
END
echo "as found: moneta 1.5.2"
