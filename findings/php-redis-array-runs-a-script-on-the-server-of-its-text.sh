#!/usr/bin/env bash
# php-redis 5.3.7 (RedisArray, PHP 8.2) and redis-server 7.0.15 of Debian 12.
#
# Guess: RedisArray, which spreads keys over several servers, runs a script on the server of its first key, or refuses it:
#        a lock that was got with SET NX is released by the usual script.
# Seen:  the script runs on the server that its own text is hashed to, where its keys are or are not. With two servers
#        about half of the locks are not released: the call says 0 and the lock stays for its time. A lock that a script
#        takes is on one server, and SET NX of the same name on another one gets it too. Every command without a rule of
#        its own is sent to the server of its first argument, and EVAL has none.
set -euo pipefail
command -v redis-server >/dev/null && php -r 'exit(extension_loaded("redis") ? 0 : 1);' 2>/dev/null ||
	{ echo "install the Debian packages php-cli, php-redis and redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap 'for pid in ${servers:-}; do kill "$pid" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir"
for name in one two; do
	redis-server --port 0 --unixsocket "$dir/$name.sock" --save '' --daemonize no >/dev/null & servers="${servers:-} $!"
	until [ "$(redis-cli -s "$name.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
done
cat >run.php <<'END'
<?php
$servers = ["$argv[1]/one.sock", "$argv[1]/two.sock"];
$array = new RedisArray($servers);
$options = ['nx', 'px' => 600000];
$release = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0";
$take = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 600000) and 1 or 0";
$locks = array_map(fn ($i) => "lock$i", range(1, 100));
$count = fn ($what) => count(array_filter($locks, $what));

echo 'locks that are got: ', $count(fn ($lock) => $array->set($lock, 'me', $options)), "\n";
$released = $count(fn ($lock) => $array->eval($release, [$lock, 'me'], 1) === 1);
echo 'a part of them is released by the script: ', json_encode($released > 0 && $released < 100), "\n";
echo 'those that are left: ', json_encode($count(fn ($lock) => $array->exists($lock)) === 100 - $released), "\n";
fprintf(STDERR, "  released: %d\n", $released);
foreach ($servers as $server) {
    $array->_instance($server)->flushAll();
}
echo 'locks that are taken by a script: ', $count(fn ($lock) => $array->eval($take, [$lock, 'me'], 1) === 1), "\n";
$again = $count(fn ($lock) => $array->set($lock, 'other', $options));
echo 'a part of them is got again by SET NX: ', json_encode($again > 0 && $again < 100), "\n";
$used = array_filter($servers, fn ($server) => in_array('me', $array->_instance($server)->mget($locks)));
echo 'servers with locks that a script has taken: ', count($used), "\n";
END
timeout 30 php run.php "$dir" | tee seen
diff seen - <<'END'
locks that are got: 100
a part of them is released by the script: true
those that are left: true
locks that are taken by a script: 100
a part of them is got again by SET NX: true
servers with locks that a script has taken: 1
END
echo "as found: php-redis 5.3.7"
