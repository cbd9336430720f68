#!/usr/bin/env bash
# ruby-delayed-job 4.1.9, ruby-delayed-job-active-record 4.1.6 and ruby-sqlite3 of Debian 12.
#
# Guess: a job that a worker has locked (locked_at, locked_by) and is at work on is not run by another within
#        max_run_time, 4 hours by default.
# Seen:  a second worker with the same name runs it at the same time: a job that is locked by one's own name counts as
#        ready. The default name is host and pid, so two workers in threads of one process have the same, and so have
#        containers that are given one host name, in which each worker has the pid 1.
set -euo pipefail
ruby -e 'require "delayed_job_active_record"; require "sqlite3"' 2>/dev/null ||
	{ echo "install the Debian packages ruby-delayed-job-active-record and ruby-sqlite3" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >run.rb <<'END'
require 'delayed_job_active_record'

ActiveRecord::Base.establish_connection(adapter: 'sqlite3', database: 'jobs.db', pool: 5, timeout: 20_000)
ActiveRecord::Schema.verbose = false
Delayed::Worker.logger = nil

Import = Struct.new(:log) do
  def perform
    File.write(log, "begins\n", mode: 'a')
    sleep 8
    File.write(log, "ends\n", mode: 'a')
  end
end

def work(name = nil)
  worker = Delayed::Worker.new(quiet: true)
  worker.name = name if name
  worker.work_off(1)
end

case ARGV[0]
when 'prepare'
  ActiveRecord::Schema.define do
    create_table :delayed_jobs do |table|
      table.integer :priority, :attempts, default: 0
      table.text :handler, :last_error
      table.datetime :run_at, :locked_at, :failed_at
      table.string :locked_by, :queue
      table.timestamps
    end
  end
when 'put' then Delayed::Job.enqueue(Import.new(ARGV[1]))
when 'work' then work(ARGV[1])
when 'threads'
  Array.new(2) { |i| Thread.new { sleep 2 * i; work } }.each(&:join)
end
END
run() { timeout 60 ruby -W0 run.rb "$@"; }
run prepare
show() { # how often the job began before it had ended once
	echo "$1: the job begins $(sed '/ends/,$d' "$2" | wc -l) times before it ends"
}
begun() { for _ in $(seq 200); do ! grep -qs begins "$1" || return 0; sleep 0.1; done; }
run put names && { run work 'host:one pid:1' & begun names; run work 'host:two pid:1'; wait; }
run put same && { run work 'host:worker pid:1' & begun same; run work 'host:worker pid:1'; wait; }
run put threads && run threads
{
	show 'two processes of different names' names
	show 'two processes of one name' same
	show 'two threads' threads
} | tee seen
diff seen - <<'END'
two processes of different names: the job begins 1 times before it ends
two processes of one name: the job begins 2 times before it ends
two threads: the job begins 2 times before it ends
END
echo "as found: delayed_job 4.1.9"
