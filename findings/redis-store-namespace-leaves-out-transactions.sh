#!/usr/bin/env bash
# ruby-redis-store 1.9.0, ruby-redis-namespace 1.9.0, ruby-redis 4.8.0 and redis-server 7.0.15 of Debian 12.
#
# Guess: a store with the option `namespace` puts it before every key, as redis-namespace does, so that two applications
#        with namespaces of their own do not meet. What it cannot do raises an error.
# Seen:  it wraps a list of methods, and the others go to the key as it was given, without an error. A lock that was set
#        within the namespace is neither prolonged by pexpire nor deleted by a script or by a DEL within a transaction: they
#        prolong and delete the lock of a program without a namespace. incrby counts in the namespace, and incr counts for
#        all of them.
set -euo pipefail
command -v redis-server >/dev/null && ruby -e 'require "redis-store"; require "redis-namespace"' 2>/dev/null ||
	{ echo "install the Debian packages redis-server, ruby-redis-store and ruby-redis-namespace" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.rb <<'END'
require 'redis-store'
require 'redis-namespace'

path = "#{ARGV[0]}/redis.sock"
direct = Redis.new(path: path)
ttl = ->(key) { { -1 => 'for ever', 690..700 => '700 s', 790..800 => '800 s' }.find { |is, _| is === direct.ttl(key) }&.last }
{
  'redis-namespace' => ->(name) { Redis::Namespace.new(name, redis: Redis.new(path: path)) },
  'redis-store' => ->(name) { Redis::Store.new(path: path, namespace: name, serializer: nil) },
}.each do |what, connect|
  direct.flushall
  one, two = %w[one two].map(&connect)
  puts "#{what}:"
  direct.set('lock', 'another program')
  puts "  the lock is got: #{one.set('lock', 'me', nx: true, px: 600_000)}, keys: #{direct.keys.sort.join(' ')}"
  one.expire('lock', 700)
  one.pexpire('lock', 800_000)
  puts "  after expire to 700 s and pexpire to 800 s: #{%w[lock one:lock].map { |key| "#{key} #{ttl.call(key)}" }.join(', ')}"
  release = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"
  puts "  released by a script: #{one.eval(release, keys: ['lock'], argv: ['me']).inspect}"
  one.set('lock', 'me')
  one.multi { |transaction| transaction.del('lock') }
  puts "  after a DEL of the lock in a transaction, keys: #{direct.keys.sort.join(' ')}"
  puts "  incrby in each: #{one.incrby('a', 1)}, #{two.incrby('a', 1)}; incr in each: #{one.incr('b')}, #{two.incr('b')}"
end
END
timeout 60 ruby run.rb "$dir" 2>/dev/null | tee seen
diff seen - <<'END'
redis-namespace:
  the lock is got: true, keys: lock one:lock
  after expire to 700 s and pexpire to 800 s: lock for ever, one:lock 800 s
  released by a script: 1
  after a DEL of the lock in a transaction, keys: lock
  incrby in each: 1, 1; incr in each: 1, 1
redis-store:
  the lock is got: true, keys: lock one:lock
  after expire to 700 s and pexpire to 800 s: lock 800 s, one:lock 700 s
  released by a script: nil
  after a DEL of the lock in a transaction, keys: one:lock
  incrby in each: 1, 1; incr in each: 1, 2
END
echo "as found: redis-store 1.9.0"
