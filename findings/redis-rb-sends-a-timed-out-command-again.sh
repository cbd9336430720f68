#!/usr/bin/env bash
# ruby-redis 4.8.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: a command without an answer within `timeout` raises Redis::TimeoutError, as documented, and the caller decides;
#        the documentation's reconnect_attempts, 1 by default, is about connections that fail.
# Seen:  the command is sent a second time on a new connection, and the caller learns nothing of it: SET NX is refused
#        by the lock that it has just taken, INCR counts twice, so a token or a place is lost. TimeoutError is a
#        BaseConnectionError, which the retry covers. The retry also sends a transaction whose connection was lost
#        after WATCH, without the guard. With reconnect_attempts: 0 it is as guessed.
set -euo pipefail
for command in ruby redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages ruby-redis and redis-server" >&2; exit 1; }
done
ruby -e 'require "redis"' 2>/dev/null || { echo "install the Debian package ruby-redis" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.rb <<'END'
require 'redis'
require 'socket'

slow = false
# A network that holds back one answer for five seconds when slow is set.
network = UNIXServer.new('network.sock')
Thread.new do
  loop do
    near = network.accept
    far = UNIXSocket.new('redis.sock')
    { near => far, far => near }.each do |from, to|
      Thread.new do
        loop do
          data = from.readpartial(65_536)
          if from == far && slow
            slow = false
            sleep 5
          end
          to.write(data)
        end
      rescue IOError, SystemCallError
        to.close
      end
    end
  end
end
direct = Redis.new(path: 'redis.sock')
{ 'by default' => {}, 'without reconnection' => { reconnect_attempts: 0 } }.each do |what, options|
  direct.flushall
  redis = Redis.new(path: 'network.sock', timeout: 2, **options)
  ask = lambda do |&command|
    redis.ping
    slow = true
    command.call
  rescue Redis::BaseError => e
    e.class
  end
  puts "#{what}:"
  puts "  SET NX: #{ask.call { redis.set('job', 'me', nx: true, px: 600_000) }}, the holder is #{direct.get('job')}"
  puts "  INCR: #{ask.call { redis.incr('token') }}, the token is #{direct.get('token')}"
  direct.set('balance', 1)
  redis.watch('balance')
  id = redis.client(:id)
  direct.set('balance', 5)
  direct.client(:kill, 'ID', id)
  done = begin
    redis.multi { |transaction| transaction.set('balance', 2) }
  rescue Redis::BaseError
    'an error'
  end
  puts "  MULTI after WATCH of a key that has changed: #{done}, the balance is #{direct.get('balance')}"
end
END
timeout 60 ruby run.rb | tee seen
diff seen - <<'END'
by default:
  SET NX: false, the holder is me
  INCR: 2, the token is 2
  MULTI after WATCH of a key that has changed: ["OK"], the balance is 2
without reconnection:
  SET NX: Redis::TimeoutError, the holder is me
  INCR: Redis::TimeoutError, the token is 1
  MULTI after WATCH of a key that has changed: an error, the balance is 5
END
echo "as found: redis-rb 4.8.0"
