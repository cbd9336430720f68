#!/usr/bin/env bash
# php-illuminate-cache 8.83.26 and php-illuminate-redis (Laravel), php-redis 5.3.7 and php-memcached 3.2.0 (PHP 8.2), and
# redis-server 7.0.15 and memcached 1.6.18 of Debian 12.
#
# Guess: the lock "report" keeps others from building what is cached as "report": who gets it stores the value, the lock
#        is released, and the next one can lock when the value is to be built anew.
# Seen:  with Redis and Memcached the lock and the value are one key. The value that is stored takes the place of the
#        lock: others are refused as before, its release fails, and the lock is taken until the value expires or is
#        forgotten. The other way about, Cache::forget('report') ends the lock of who is at work. The array store,
#        which tests use, keeps locks apart.
set -euo pipefail
command -v redis-server >/dev/null && command -v memcached >/dev/null && php -r 'exit(extension_loaded("redis") &&
	extension_loaded("memcached") && is_file("/usr/share/php/Illuminate/Redis/autoload.php") &&
	is_file("/usr/share/php/Illuminate/Cache/autoload.php") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-illuminate-cache, php-illuminate-redis, php-redis, php-memcached, redis-server and memcached" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
memcached -u "$(id -un)" -s "$dir/memcached.sock" &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ] && [ -S memcached.sock ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Illuminate/Redis/autoload.php';
require '/usr/share/php/Illuminate/Cache/autoload.php';
use Illuminate\Cache\{ArrayStore, MemcachedStore, RedisStore, Repository};

$memcached = new Memcached();
$memcached->addServer("$argv[1]/memcached.sock", 0);
$redis = new Illuminate\Redis\RedisManager(null, 'phpredis',
    ['default' => ['host' => "$argv[1]/redis.sock", 'port' => 0, 'database' => 0]]);
$say = fn (string $what, bool $is) => printf("  %s: %s\n", $what, json_encode($is));
foreach (['array' => new ArrayStore(), 'redis' => new RedisStore($redis), 'memcached' => new MemcachedStore($memcached)] as $name => $store) {
    echo "$name\n";
    $cache = new Repository($store);
    $lock = $cache->lock('report', 60);
    $lock->get() || exit(1);
    $cache->put('report', 'the report', 600);
    $say('the value is stored, its release', $lock->release());
    $say('another gets the lock after that', $cache->lock('report', 60)->get());
    $cache->forget('report');
    $cache->lock('report', 60)->forceRelease();
    $lock = $cache->lock('report', 60);
    $lock->get() || exit(1);
    $say('another gets the lock while it is held', $cache->lock('report', 60)->get());
    $cache->forget('report');
    $say('another gets the lock after forget()', $cache->lock('report', 60)->get());
}
END
timeout 60 php run.php "$dir" | tee seen
diff seen - <<'END'
array
  the value is stored, its release: true
  another gets the lock after that: true
  another gets the lock while it is held: false
  another gets the lock after forget(): false
redis
  the value is stored, its release: false
  another gets the lock after that: false
  another gets the lock while it is held: false
  another gets the lock after forget(): true
memcached
  the value is stored, its release: false
  another gets the lock after that: false
  another gets the lock while it is held: false
  another gets the lock after forget(): true
END
echo "as found: Laravel 8.83.26"
