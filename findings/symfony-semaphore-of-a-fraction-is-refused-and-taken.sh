#!/usr/bin/env bash
# Debian 12: php-symfony-semaphore 5.4.53, PHP 8.2, php-redis 5.3.7, Redis 7.0.15.
#
# Guess: a semaphore's time may have a fraction, since ttlInSecond is a float: with 20.5 s it is acquired for 20.5 s.
# Seen:  acquire says false, as if all places were taken, and has taken one: another is refused for that time, and the
#        same object's next acquire says true. (The script enters the holder and then calls EXPIREAT with a fraction, which
#        Redis refuses; what the script had written stays. The semaphore takes the error's false for its own.)
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

$mine = $factory->createSemaphore('job', 1, 1, 20.5);
printf("20.5 s: acquire: %s\n", say($mine->acquire()));
printf("  the error of Redis that went unseen: %s\n", preg_match('/not an integer/', $redis->getLastError() ?? '') ? 'not an integer' : 'none');
printf("  another with 20 s: %s\n", say($factory->createSemaphore('job', 1, 1, 20)->acquire()));
printf("  acquire again: %s\n", say($mine->acquire()));
printf("20 s: acquire: %s\n", say($factory->createSemaphore('other', 1, 1, 20)->acquire()));
END
timeout 80 php run.php "$autoload" | tee seen
diff seen - <<'END'
20.5 s: acquire: no
  the error of Redis that went unseen: not an integer
  another with 20 s: no
  acquire again: yes
20 s: acquire: yes
END
echo "as found: symfony/semaphore 5.4"
