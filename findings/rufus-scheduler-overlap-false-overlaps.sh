#!/usr/bin/env bash
# ruby-rufus-scheduler 3.8.2 of Debian 12.
#
# Guess: a job with `overlap: false` is not at work twice at once, as documented, and what comes due while it is at work
#        or waits for its turn is skipped.
# Seen:  it is skipped only while its block is at work. As long as it waits, for a free thread or for its `mutex`, it is
#        triggered again each time that it comes due, and all of that is made up for. When the threads are free again,
#        several runs of it are at work at once; with a mutex they come one right after the other. overlap looks for a
#        thread that is marked with the job, which is done after the queue and the mutex.
set -euo pipefail
ruby -e 'require "rufus-scheduler"' 2>/dev/null || { echo "install the Debian package ruby-rufus-scheduler" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'rufus-scheduler'

Work = Struct.new(:seconds) do
  attr_reader :most, :runs

  def call(*)
    (@mutex ||= Mutex.new).synchronize do
      @runs = (@runs || 0) + 1
      @now = (@now || 0) + 1
      @most = [@most || 0, @now].max
    end
    sleep seconds
    @mutex.synchronize { @now -= 1 }
  end
end

def some(number)
  number.to_i > 1 ? 'several' : number.to_i
end

def try(what, busy, work_seconds)
  scheduler = Rufus::Scheduler.new(max_work_threads: 4)
  done = Queue.new
  work = Work.new(work_seconds)
  busy.times { scheduler.in('0s') { done.pop } } # takes the threads
  sleep 2
  job = scheduler.every('1s', overlap: false, job: true) { work.call }
  sleep 8
  puts "#{what}: runs #{some(work.runs)}, running? #{job.running?}" if busy > 0
  busy.times { done << true }
  sleep 4
  puts "#{what}, after that: runs #{some(work.runs)}, at once #{some(work.most)}"
  scheduler.shutdown(:kill)
end

try('there are free threads', 0, 2.5)
try('all threads are busy', 4, 2.5)
END
cat >mutex.rb <<'END'
require 'rufus-scheduler'

scheduler = Rufus::Scheduler.new
done = Queue.new
runs = Queue.new
scheduler.in('0s', mutex: 'db') { done.pop }
sleep 2
job = scheduler.every('1s', overlap: false, mutex: 'db', job: true) { runs << true }
sleep 8
puts "another job has the mutex for eight seconds: runs #{runs.size}, running? #{job.running?}"
done << true
sleep 0.9
puts "in the second after that: runs #{runs.size > 2 ? 'several' : runs.size}"
scheduler.shutdown(:kill)
END
timeout 60 ruby -W0 run.rb | tee seen
timeout 30 ruby -W0 mutex.rb | tee -a seen
diff seen - <<'END'
there are free threads, after that: runs several, at once 1
all threads are busy: runs 0, running? false
all threads are busy, after that: runs several, at once several
another job has the mutex for eight seconds: runs 0, running? false
in the second after that: runs several
END
echo "as found: rufus-scheduler 3.8.2"
