#!/usr/bin/env bash
# php-predis 1.1.10, with php-redis 5.3.7, libredis-perl 2.000, libredis-fast-perl 0.34 and redis-server 7.0.15 of
# Debian 12.
#
# Guess: a client that has selected a database goes on in that database after it has connected again, as php-redis and
#        the two clients for Perl do.
# Seen:  Predis goes on in the database of its parameters, 0 by default. The command that finds the connection lost
#        throws, and the next one, which connects again, is carried out in the other database: a lock that this client
#        holds is free to itself, its release finds nothing, and a lock that it takes keeps nobody out. SELECT is sent at a
#        connect for the parameter "database" alone; select() is a command like any other.
set -euo pipefail
command -v redis-server >/dev/null && perl -MRedis -MRedis::Fast -e 1 2>/dev/null &&
	php -r 'exit(extension_loaded("redis") && is_file("/usr/share/php/Predis/Autoloader.php") ? 0 : 1);' 2>/dev/null || {
	echo "install the Debian packages php-cli, php-predis, php-redis, libredis-perl, libredis-fast-perl, redis-server" >&2
	exit 1
}
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.php <<'END'
<?php
require '/usr/share/php/Predis/Autoloader.php';
Predis\Autoloader::register();
$path = "$argv[1]/redis.sock";
$other = new Redis();
$phpredis = new Redis();
$other->connect($path);
$phpredis->connect($path);
$clients = [
    'php-redis' => [$phpredis, ['nx', 'px' => 600000]],
    'Predis' => [new Predis\Client(['scheme' => 'unix', 'path' => $path]), 'PX', 600000, 'NX'],
];
foreach ($clients as $name => $how) {
    $client = array_shift($how);
    $lock = function () use ($client, $how) {
        try {
            return $client->set('lock', 'me', ...$how) ? 'got' : 'refused';
        } catch (Exception $e) {
            return get_class($e);
        }
    };
    $client->select(3);
    echo "$name: lock: ", $lock();
    $other->rawCommand('CLIENT', 'KILL', 'TYPE', 'normal');
    echo '; the connection is lost; again: ', $lock(), ', ', $lock();
    foreach ([0, 3] as $database) {
        $other->select($database);
        echo "; in database $database: ", $other->exists('lock') ? 'yes' : 'no';
    }
    echo "\n";
    $other->flushAll();
}
END
cat >run.pl <<'END'
use strict;
use warnings;
use Redis;
use Redis::Fast;
my $other = Redis->new(sock => $ARGV[0]);
for my $class ('Redis', 'Redis::Fast') {
	my $client = $class->new(sock => $ARGV[0], reconnect => 30);
	my $lock = sub { eval { $client->set('lock', 'me', 'NX', 'PX', 600_000) } ? 'got' : $@ ? 'error' : 'refused' };
	$client->select(3);
	print "Perl's $class: lock: ", $lock->();
	$other->client_kill('TYPE', 'normal');
	print '; the connection is lost; again: ', $lock->();
	for my $database (0, 3) {
		$other->select($database);
		print "; in database $database: ", $other->exists('lock') ? 'yes' : 'no';
	}
	print "\n";
	$other->flushall;
}
END
{ timeout 30 php run.php "$dir"; timeout 30 perl run.pl "$dir/redis.sock"; } | tee seen
diff seen - <<'END'
php-redis: lock: got; the connection is lost; again: refused, refused; in database 0: no; in database 3: yes
Predis: lock: got; the connection is lost; again: Predis\Connection\ConnectionException, got; in database 0: yes; in database 3: yes
Perl's Redis: lock: got; the connection is lost; again: refused; in database 0: no; in database 3: yes
Perl's Redis::Fast: lock: got; the connection is lost; again: refused; in database 0: no; in database 3: yes
END
echo "as found: Predis 1.1.10"
