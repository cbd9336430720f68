#!/usr/bin/env bash
# ruby-sidekiq-cron 1.8.0 and ruby-sidekiq 6.4.1 of Debian 12, Redis 7.0.15.
#
# Guess: a job that cannot be put into the queue, because a client middleware raises, is put there at the next poll, half a
#        minute later; with polls that are rarer than that, jobs come later.
# Seen:  it is lost: the run is marked as done, with ZADD, before the job is pushed, so the other processes and the next
#        polls pass it over. And a run that is more than 60 seconds old is passed over as well: with a
#        `cron_poll_interval` of five minutes most runs of an hourly job never are, without a word in the log.
set -euo pipefail
ruby -e 'require "sidekiq-cron"' 2>/dev/null || { echo "install the Debian package ruby-sidekiq-cron" >&2; exit 1; }
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >redis.log &
for _ in $(seq 100); do [ "$(redis-cli -s redis.sock ping 2>/dev/null)" != PONG ] || break; sleep 0.1; done
cat >run.rb <<'END'
require 'sidekiq'
require 'sidekiq/api'
require 'sidekiq-cron'
require 'logger'

class Report
  include Sidekiq::Worker
end

class Refuse
  class << self
    attr_accessor :active
  end

  def call(*)
    raise 'not now' if Refuse.active
    yield
  end
end

Sidekiq.logger.level = Logger::FATAL
Sidekiq.configure_client do |config|
  config.redis = { url: "unix://#{ARGV[0]}" }
  config.client_middleware { |chain| chain.add Refuse }
end
QUEUE = Sidekiq::Queue.new
HOUR = Time.at((Time.now.to_i / 3600 + 2) * 3600).utc # a full hour to come

# what Sidekiq::Cron::Poller does, at a time that is given
def poll(time)
  Sidekiq::Cron::Job.all.each do |job|
    job.test_and_enque_for_time!(time)
  rescue RuntimeError => e
    puts "poll: #{e.message}"
  end
end

def queued(what)
  puts "#{what}: queued #{QUEUE.size}"
  QUEUE.clear
end

Sidekiq::Cron::Job.create(name: 'report', cron: '0 * * * *', class: 'Report')
poll(HOUR + 5)
queued('a poll at the hour')
Refuse.active = true
poll(HOUR + 3600 + 5)
Refuse.active = false
poll(HOUR + 3600 + 35)
queued('one that fails and one half a minute later')
24.times { |hour| (0...12).each { |n| poll(HOUR + 2 * 3600 + hour * 3600 + 30 + n * 300) } }
queued('24 hours, polls every five minutes, at 0:30, 5:30, ...')
24.times { |hour| (0...12).each { |n| poll(HOUR + 26 * 3600 + hour * 3600 + 90 + n * 300) } }
queued('24 hours, polls every five minutes, at 1:30, 6:30, ...')
END
timeout 60 ruby -W0 run.rb "$dir/redis.sock" | tee seen
diff seen - <<'END'
a poll at the hour: queued 1
poll: not now
one that fails and one half a minute later: queued 0
24 hours, polls every five minutes, at 0:30, 5:30, ...: queued 24
24 hours, polls every five minutes, at 1:30, 6:30, ...: queued 0
END
echo "as found: sidekiq-cron 1.8.0"
