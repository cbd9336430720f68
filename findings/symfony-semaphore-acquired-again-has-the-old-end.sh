#!/usr/bin/env bash
# Debian 12: php-symfony-semaphore 5.4.53, PHP 8.2, php-redis 5.3.7, Redis 7.0.15.
#
# Guess: acquire of a semaphore that the object has already, which says true, gives it its whole time again, as
#        getRemainingLifetime and isExpired say after it and as acquire of a Symfony Lock does.
# Seen:  its place ends when it was due, and another gets it, while the holder has seconds left by its own account. refresh
#        prolongs it. (The script for Redis returns as soon as it finds the holder in its list; the object counts from
#        anew all the same.)
set -euo pipefail
autoload=/usr/share/php/Symfony/Component/Semaphore/autoload.php
[ -e "$autoload" ] && command -v redis-server >/dev/null && php -r 'exit(class_exists("Redis") ? 0 : 1);' ||
	{ echo "install the Debian packages php-cli, php-redis, php-symfony-semaphore and redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' >/dev/null & server=$!
for _ in {1..100}; do redis-cli -s redis.sock ping >/dev/null 2>&1 && break; sleep 0.2; done
cat >run.php <<'END'
<?php
error_reporting(E_ALL & ~E_DEPRECATED);
require $argv[1];
$redis = new Redis;
$redis->connect(__DIR__ . '/redis.sock');
$factory = new Symfony\Component\Semaphore\SemaphoreFactory(new Symfony\Component\Semaphore\Store\RedisStore($redis));
function say(bool $value): string { return $value ? 'yes' : 'no'; }

foreach (['acquire', 'refresh'] as $method) {
    $mine = $factory->createSemaphore("job of $method", 1, 1, 8);
    $mine->acquire();
    sleep(5);
    $again = $mine->$method() ?? true;
    sleep(5);
    $other = $factory->createSemaphore("job of $method", 1, 1, 8);
    printf("%s after 5 of 8 s: %s; 5 s later: time left by its own account: %s, another gets the place: %s\n",
        $method, say($again), say($mine->getRemainingLifetime() > 0.1 && !$mine->isExpired()), say($other->acquire()));
}
END
timeout 80 php run.php "$autoload" | tee seen
diff seen - <<'END'
acquire after 5 of 8 s: yes; 5 s later: time left by its own account: yes, another gets the place: yes
refresh after 5 of 8 s: yes; 5 s later: time left by its own account: yes, another gets the place: no
END
echo "as found: symfony/semaphore 5.4"
