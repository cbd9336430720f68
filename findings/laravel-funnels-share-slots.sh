#!/usr/bin/env bash
# php-illuminate-redis 8.83.26 (Laravel's Redis::funnel) with php-redis 5.3.7 (PHP 8.2), and redis-server 7.0.15 of
# Debian 12.
#
# Guess: funnels of different names, as "user:1" and "user:11", limit each their own.
# Seen:  the slots of a funnel are the keys of its name with a number behind it, without a separator: slot 11 of
#        "user:1" is slot 1 of "user:11". With a limit above 10, a busy user keeps others out, and a slot that is held
#        for user 11 is missing to user 1.
set -euo pipefail
command -v redis-server >/dev/null && php -r 'exit(extension_loaded("redis") &&
	is_file("/usr/share/php/Illuminate/Redis/autoload.php") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-illuminate-redis, php-redis and redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Illuminate/Redis/autoload.php';
$manager = new Illuminate\Redis\RedisManager(null, 'phpredis',
    ['default' => ['host' => "$argv[1]/redis.sock", 'port' => 0, 'database' => 0]]);

// Holds as many places of the funnel as it can get, with one request within the other, and then calls $then.
function hold($redis, string $name, int $limit, int $places, callable $then)
{
    $redis->funnel($name)->limit($limit)->block(0)->then(
        fn () => 1 === $places ? $then() : hold($redis, $name, $limit, $places - 1, $then),
        fn () => exit(1));
}
$redis = $manager->connection();
$ask = fn (string $name, int $limit) => $redis->funnel($name)->limit($limit)->block(0)->then(
    fn () => print("  $name of $limit: gets a place\n"), fn () => print("  $name of $limit: refused\n"));
foreach ([10, 11] as $places) {
    echo "user:1 of 20 holds $places\n";
    hold($redis, 'user:1', 20, $places, function () use ($ask) {
        $ask('user:2', 1);
        $ask('user:11', 1);
    });
}
END
timeout 60 php run.php "$dir" | tee seen
diff seen - <<'END'
user:1 of 20 holds 10
  user:2 of 1: gets a place
  user:11 of 1: gets a place
user:1 of 20 holds 11
  user:2 of 1: gets a place
  user:11 of 1: refused
END
echo "as found: Laravel 8.83.26"
