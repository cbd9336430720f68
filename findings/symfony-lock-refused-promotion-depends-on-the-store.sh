#!/usr/bin/env bash
# php-symfony-lock 5.4.53 and php-redis 5.3.7 (PHP 8.2), and redis-server 7.0.15 of Debian 12.
#
# Guess: a reader whose promotion (acquire() after acquireRead()) is refused, as another reads as well, still has its
#        read lock, whatever the store, or else isAcquired() says false.
# Seen:  with RedisStore it keeps the lock. With FlockStore it has lost it and isAcquired() stays true: the next writer
#        gets in, acquireRead() says true beside it, and release() fails with a TypeError. flock gives up the old lock
#        first, and the store closes the file and keeps it as the key's state. CombinedStore, of one RedisStore,
#        deletes the read lock too.
set -euo pipefail
command -v redis-server >/dev/null && php -r 'exit(extension_loaded("redis") &&
	is_file("/usr/share/php/Symfony/Component/Lock/autoload.php") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-symfony-lock, php-redis and redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Symfony/Component/Lock/autoload.php';
use Symfony\Component\Lock\LockFactory;
use Symfony\Component\Lock\Store\{CombinedStore, FlockStore, RedisStore};
use Symfony\Component\Lock\Strategy\ConsensusStrategy;

$redis = new Redis();
$redis->connect("$argv[1]/redis.sock");
$stores = [
    'redis' => new RedisStore($redis),
    'flock' => new FlockStore($argv[1]),
    'combined' => new CombinedStore([new RedisStore($redis)], new ConsensusStrategy()),
];
$say = fn (string $what, bool $is) => printf("  %s: %s\n", $what, json_encode($is));
foreach ($stores as $name => $store) {
    echo "$name\n";
    $factory = new LockFactory($store);
    [$reader, $other, $writer] = array_map(fn () => $factory->createLock("document $name", 60, false), range(1, 3));
    ($reader->acquireRead() && $other->acquireRead()) || exit(1);
    $say('promotion while another reads', $reader->acquire());
    $say('isAcquired of the reader', $reader->isAcquired());
    $other->release();
    $say('the other has released, a writer gets in', $writer->acquire());
    $say('acquireRead of the reader once more', $reader->acquireRead());
    try {
        $reader->release();
    } catch (Throwable $error) {
        printf("  release: %s\n", get_class($error));
    }
}
END
timeout 60 php -d display_errors=0 -d log_errors=0 run.php "$dir" | tee seen
diff seen - <<'END'
redis
  promotion while another reads: false
  isAcquired of the reader: true
  the other has released, a writer gets in: false
  acquireRead of the reader once more: true
flock
  promotion while another reads: false
  isAcquired of the reader: true
  the other has released, a writer gets in: true
  acquireRead of the reader once more: true
  release: TypeError
combined
  promotion while another reads: false
  isAcquired of the reader: false
  the other has released, a writer gets in: true
  acquireRead of the reader once more: false
END
echo "as found: Symfony Lock 5.4.53"
