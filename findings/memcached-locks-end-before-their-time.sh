#!/usr/bin/env bash
# php-symfony-lock 5.4.53 and php-illuminate-cache 8.83.26 (Laravel) with php-memcached 3.2.0 (PHP 8.2), and memcached
# 1.6.18 of Debian 12.
#
# Guess: a lock of one second in memcached is held for a second, and one of 31 days for 31 days; acquire() would refuse
#        a time that the store cannot keep.
# Seen:  the one of a second is free after any time up to it: memcached ends a TTL at a tick of its clock, which comes
#        once a second. The holder's isExpired() is false meanwhile. The one of 31 days is free at once, and acquire()
#        or get() says true: memcached takes a time above 30 days for a date, one in 1970, and both libraries pass
#        seconds on as they are.
set -euo pipefail
command -v memcached >/dev/null && php -r 'exit(extension_loaded("memcached") && is_file("/usr/share/php/Illuminate/Cache/autoload.php") &&
	is_file("/usr/share/php/Symfony/Component/Lock/autoload.php") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-symfony-lock, php-illuminate-cache, php-memcached and memcached" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${memcached:-}" ] || kill "$memcached" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
memcached -u "$(id -un)" -s "$dir/memcached.sock" & memcached=$!
until [ -S memcached.sock ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Symfony/Component/Lock/autoload.php';
require '/usr/share/php/Illuminate/Cache/autoload.php';
use Illuminate\Cache\MemcachedStore as Laravel;
use Symfony\Component\Lock\LockFactory;
use Symfony\Component\Lock\Store\MemcachedStore as Symfony;

$memcached = new Memcached();
$memcached->addServer("$argv[1]/memcached.sock", 0);
$early = $unnoticed = 0;
for ($i = 0; $i < 12; ++$i) {
    usleep(random_int(0, 999999));
    $began = microtime(true);
    $lock = (new LockFactory(new Symfony($memcached, 1)))->createLock("second-$i", 1, false);
    $lock->acquire() || exit(1);
    while (!(new LockFactory(new Symfony($memcached, 1)))->createLock("second-$i", 1, false)->acquire()) {
        usleep(10000);
    }
    $unnoticed += $lock->isExpired() ? 0 : 1;
    $early += microtime(true) - $began < 0.8 ? 1 : 0;
}
printf("Symfony, 1 s: some of 12 are taken by another within 0.8 s: %s, before isExpired: %s\n", json_encode($early > 0), json_encode($unnoticed > 0));
foreach (['30 days' => 30, '31 days' => 31] as $what => $days) {
    $store = new Symfony($memcached, $days * 86400);
    $one = (new LockFactory($store))->createLock("symfony-$days", $days * 86400, false)->acquire();
    $two = (new LockFactory($store))->createLock("symfony-$days", $days * 86400, false)->acquire();
    printf("Symfony, %s: acquire: %s, by another: %s\n", $what, json_encode($one), json_encode($two));
    $laravel = new Laravel($memcached);
    $one = $laravel->lock("laravel-$days", $days * 86400)->get();
    $two = $laravel->lock("laravel-$days", $days * 86400)->get();
    printf("Laravel, %s: get: %s, by another: %s\n", $what, json_encode($one), json_encode($two));
}
END
timeout 60 php run.php "$dir" | tee seen
diff seen - <<'END'
Symfony, 1 s: some of 12 are taken by another within 0.8 s: true, before isExpired: true
Symfony, 30 days: acquire: true, by another: false
Laravel, 30 days: get: true, by another: false
Symfony, 31 days: acquire: true, by another: true
Laravel, 31 days: get: true, by another: true
END
echo "as found: memcached 1.6.18"
