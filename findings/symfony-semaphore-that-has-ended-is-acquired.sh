#!/usr/bin/env bash
# Debian 12: php-symfony-semaphore 5.4.53, PHP 8.2, php-redis 5.3.7, Redis 7.0.15.
#
# Guess: isAcquired asks Redis, and so is false once the time of the semaphore is over.
# Seen:  it is true for ten seconds more: that is when Redis drops the whole semaphore. With another holder whose time is
#        longer it is true for that time as well. Only if somebody asks for a place, even in vain, is it false, since that
#        is what clears out the old ones. isExpired of the same object is right. (isAcquired looks into the list of the
#        weights, and the ends of the times are in the other one.)
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

$mine = $factory->createSemaphore('job', 2, 1, 3);
$long = $factory->createSemaphore('job', 2, 1, 60);
$mine->acquire();
$long->acquire();
printf("at first: isAcquired: %s, isExpired: %s\n", say($mine->isAcquired()), say($mine->isExpired()));
sleep(16);
printf("13 s after the end of its 3 s: isAcquired: %s, isExpired: %s\n", say($mine->isAcquired()), say($mine->isExpired()));
printf("another asks for two places and gets them: %s\n", say($factory->createSemaphore('job', 2, 2, 60)->acquire()));
printf("after that: isAcquired: %s\n", say($mine->isAcquired()));

$alone = $factory->createSemaphore('alone', 1, 1, 3);
$alone->acquire();
sleep(6);
printf("alone, 3 s after the end: isAcquired: %s", say($alone->isAcquired()));
sleep(14);
printf(", 17 s after it: %s\n", say($alone->isAcquired()));
END
timeout 80 php run.php "$autoload" | tee seen
diff seen - <<'END'
at first: isAcquired: yes, isExpired: no
13 s after the end of its 3 s: isAcquired: yes, isExpired: yes
another asks for two places and gets them: no
after that: isAcquired: no
alone, 3 s after the end: isAcquired: yes, 17 s after it: no
END
echo "as found: symfony/semaphore 5.4"
