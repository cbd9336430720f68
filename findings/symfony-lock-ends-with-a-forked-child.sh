#!/usr/bin/env bash
# php-symfony-lock 5.4.53, php-redis 5.3.7, php-sqlite3 (PHP 8.2) and redis-server 7.0.15 of Debian 12.
#
# Guess: a lock belongs to the process that has acquired it: a child that is forked meanwhile, does its part and ends
#        changes nothing about it.
# Seen:  the end of the child releases the lock of its parent, with the stores for Redis, PDO, flock and semaphores: the
#        child has a copy of the Lock object, and its destructor releases what the copy calls its own. With flock and
#        semaphores the parent's isAcquired() goes on to say true beside the next holder. A lock without autoRelease
#        stays.
set -euo pipefail
command -v redis-server >/dev/null && php -r 'exit(extension_loaded("redis") && extension_loaded("pdo_sqlite") &&
	extension_loaded("pcntl") && is_file("/usr/share/php/Symfony/Component/Lock/autoload.php") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-symfony-lock, php-redis, php-sqlite3 and redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Symfony/Component/Lock/autoload.php';
use Symfony\Component\Lock\LockFactory;
use Symfony\Component\Lock\Store\{FlockStore, PdoStore, RedisStore, SemaphoreStore};

$stores = [
    'redis' => function () use ($argv) {
        $redis = new Redis();
        $redis->connect("$argv[1]/redis.sock");
        return new RedisStore($redis);
    },
    'pdo' => fn () => new PdoStore("sqlite:$argv[1]/locks.db"),
    'flock' => fn () => new FlockStore($argv[1]),
    'semaphore' => fn () => new SemaphoreStore(),
];
foreach ($stores as $name => $store) {
    foreach ([true, false] as $autoRelease) {
        $job = "$argv[1] $name ".json_encode($autoRelease);
        $lock = (new LockFactory($store()))->createLock($job, 60, $autoRelease);
        $lock->acquire() || exit(1);
        $refused = !(new LockFactory($store()))->createLock($job, 60)->acquire();
        if (0 === $pid = pcntl_fork()) {
            exit(0);
        }
        pcntl_waitpid($pid, $status);
        $next = (new LockFactory($store()))->createLock($job, 60);
        $gets = $next->acquire();
        printf("%s%s: the next is refused before the fork: %s, gets it after the child's end: %s, the parent's isAcquired: %s\n",
            $name, $autoRelease ? '' : ' without autoRelease', json_encode($refused), json_encode($gets), json_encode($lock->isAcquired()));
        @$lock->release();
        unset($lock);
        if ($gets && 'semaphore' !== $name) {
            $next->release();
        }
    }
}
END
timeout 60 php -d display_errors=0 -d log_errors=0 run.php "$dir" | tee seen
diff seen - <<'END'
redis: the next is refused before the fork: true, gets it after the child's end: true, the parent's isAcquired: false
redis without autoRelease: the next is refused before the fork: true, gets it after the child's end: false, the parent's isAcquired: true
pdo: the next is refused before the fork: true, gets it after the child's end: true, the parent's isAcquired: false
pdo without autoRelease: the next is refused before the fork: true, gets it after the child's end: false, the parent's isAcquired: true
flock: the next is refused before the fork: true, gets it after the child's end: true, the parent's isAcquired: true
flock without autoRelease: the next is refused before the fork: true, gets it after the child's end: false, the parent's isAcquired: true
semaphore: the next is refused before the fork: true, gets it after the child's end: true, the parent's isAcquired: true
semaphore without autoRelease: the next is refused before the fork: true, gets it after the child's end: false, the parent's isAcquired: true
END
echo "as found: Symfony Lock 5.4.53"
