#!/usr/bin/env bash
# php-symfony-lock 5.4.53, php-redis 5.3.7, php-sqlite3 (PHP 8.2) and redis-server 7.0.15 of Debian 12.
#
# Guess: acquire(true) waits until the lock is free, however long that takes, and then has it for the whole TTL.
# Seen:  if it has waited for longer than the store's initial TTL (300 s by default, 3 s here), it fails at the moment
#        at which it gets the lock, "Failed to acquire", and gives it up: each try that is refused leaves the time of
#        the first one as the key's end, and the one that succeeds is found to be past it.
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
use Symfony\Component\Lock\Store\{PdoStore, RedisStore};

$stores = [
    'redis' => function (int $ttl) use ($argv) {
        $redis = new Redis();
        $redis->connect("$argv[1]/redis.sock");
        return new RedisStore($redis, $ttl);
    },
    'pdo' => fn (int $ttl) => new PdoStore("sqlite:$argv[1]/locks.db", [], 0.01, $ttl),
];
foreach ($stores as $name => $store) {
    foreach ([60, 3] as $ttl) {
        $held = (new LockFactory($store($ttl)))->createLock("job $ttl", 60, false);
        $held->acquire() || exit(1);
        if (0 === $pid = pcntl_fork()) {
            $waiting = (new LockFactory($store($ttl)))->createLock("job $ttl", 60, false);
            echo "$name, initial TTL $ttl s, waits for 9 s: ";
            try {
                echo $waiting->acquire(true) ? 'has the lock' : 'refused', "\n";
            } catch (Throwable $error) {
                echo $error->getMessage(), ' (', (new ReflectionClass($error->getPrevious()))->getShortName(), ")\n";
            }
            exit(0);
        }
        sleep(9);
        $held->release();
        pcntl_waitpid($pid, $status);
    }
}
END
timeout 80 php run.php "$dir" | tee seen
diff seen - <<'END'
redis, initial TTL 60 s, waits for 9 s: has the lock
redis, initial TTL 3 s, waits for 9 s: Failed to acquire the "job 3" lock. (LockExpiredException)
pdo, initial TTL 60 s, waits for 9 s: has the lock
pdo, initial TTL 3 s, waits for 9 s: Failed to acquire the "job 3" lock. (LockExpiredException)
END
echo "as found: Symfony Lock 5.4.53"
