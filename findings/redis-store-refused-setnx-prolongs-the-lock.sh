#!/usr/bin/env bash
# ruby-redis-store 1.9.0, ruby-redis-activesupport 5.3.0 (ActiveSupport 6.1.7), ruby-redis 4.8.0 and redis-server 7.0.15
# of Debian 12.
#
# Guess: setnx(key, value, expire_after: 10) of redis-store, and write(key, value, unless_exist: true, expires_in: 10) of
#        its cache for ActiveSupport, set the key with that time if it is missing; otherwise they say false and change
#        nothing, as ActiveSupport's own cache for Redis does.
# Seen:  they send SETNX and EXPIRE in one transaction: the refused call gives the holder's key its own time. Those who ask
#        again and again keep the lock of a dead holder for ever, and a short time ends a lock that is held. The outcome
#        is a list of both replies, [false, true] for a refused lock, which Ruby takes for true: "if" lets everybody in.
#        A time below a second is cut to 0, and the lock that was got is gone at once.
set -euo pipefail
command -v redis-server >/dev/null && ruby -e 'require "active_support"; require "redis-activesupport"' 2>/dev/null ||
	{ echo "install the Debian packages redis-server, ruby-redis-store and ruby-redis-activesupport" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.rb <<'END'
require 'active_support'
require 'redis-activesupport'
require 'active_support/cache/redis_store'
require 'active_support/cache/redis_cache_store'

path = "#{ARGV[0]}/redis.sock"
direct = Redis.new(path: path)
store = Redis::Store.new(path: path)
cache = ActiveSupport::Cache::RedisStore.new(path: path)
own = ActiveSupport::Cache::RedisCacheStore.new(redis: Redis.new(path: path))
{
  'redis-store' => ->(who, time) { store.setnx('lock', who, expire_after: time) },
  'its cache for ActiveSupport' => ->(who, time) { cache.write('lock', who, unless_exist: true, expires_in: time) },
  "ActiveSupport's own cache" => ->(who, time) { own.write('lock', who, unless_exist: true, expires_in: time) },
}.each do |what, lock|
  direct.flushall
  puts "#{what}:"
  puts "  the first: #{lock.call('first', 600)}"
  second = lock.call('second', 60_000)
  puts "  the second: #{second}, is let in: #{second ? 'yes' : 'no'}, the TTL is above 600: #{direct.ttl('lock') > 600}"
  lock.call('third', 1)
  puts "  after a third with a short time, the lock of the first is there for more than a second: #{direct.ttl('lock') > 1}"
  direct.flushall
  got = lock.call('first', 0.5)
  puts "  with half a second: #{got}, then by another at once: #{lock.call('other', 600)}"
end
END
timeout 60 ruby run.rb "$dir" 2>/dev/null | tee seen
diff seen - <<'END'
redis-store:
  the first: [true, true]
  the second: [false, true], is let in: yes, the TTL is above 600: true
  after a third with a short time, the lock of the first is there for more than a second: false
  with half a second: [true, true], then by another at once: [true, true]
its cache for ActiveSupport:
  the first: [true, true]
  the second: [false, true], is let in: yes, the TTL is above 600: true
  after a third with a short time, the lock of the first is there for more than a second: false
  with half a second: [true, true], then by another at once: [true, true]
ActiveSupport's own cache:
  the first: true
  the second: false, is let in: no, the TTL is above 600: false
  after a third with a short time, the lock of the first is there for more than a second: true
  with half a second: true, then by another at once: false
END
echo "as found: redis-store 1.9.0"
