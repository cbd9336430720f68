#!/usr/bin/env bash
# libredis-perl 2.000 (Redis), libredis-fast-perl 0.34 (Redis::Fast) and redis-server 7.0.15 of Debian 12.
#
# Guess: if a command of a transaction fails, as an INCR of a text, exec() dies with its error, and the client can be used
#        further, as after an error of a single command or of a pipeline. Redis::Fast has the same interface and does so.
# Seen:  Redis stops reading where the error is, and the replies behind it are left in the connection. Each later command
#        has the reply of an earlier one, without an error: SET NX of a lock that another holds says OK, that of a SET of the
#        transaction, and GET says that a key is missing that is there. It stays so for the life of the connection.
#        A script that returns an error within a table has the same effect.
set -euo pipefail
command -v redis-server >/dev/null && perl -MRedis -MRedis::Fast -e 1 2>/dev/null ||
	{ echo "install the Debian packages redis-server, libredis-perl and libredis-fast-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.pl <<'END'
use strict;
use warnings;
use Redis;
use Redis::Fast;
my ($path) = @ARGV;
my $other = Redis->new(sock => $path);
$other->set('text', 'x');
print 'another takes the lock: ', $other->set('lock', 'other', 'NX', 'PX', 600_000), "\n";
my @cases = (
	[ 'a single command', sub { $_[0]->incr('text') } ],
	[ 'a transaction', sub { $_[0]->multi; $_[0]->incr('text'); $_[0]->set('state', 'at work'); $_[0]->exec } ],
	[ 'a script', sub { $_[0]->eval(q(return {redis.error_reply('ERR failed'), redis.status_reply('OK')}), 0) } ],
);
for my $class ('Redis', 'Redis::Fast') {
	for (@cases) {
		my ($what, $fails) = @$_;
		my $client = $class->new(sock => $path);
		print "$class, after $what that ", eval { $fails->($client); 1 } ? 'worked' : 'failed', ":\n";
		for (1, 2) {
			my $reply = $client->set('lock', 'me', 'NX', 'PX', 600_000);
			print '  SET NX of the lock: ', $reply // 'refused';
			$reply = $client->get('lock');
			print '; GET of the lock: ', $reply // 'missing', "\n";
		}
	}
}
END
timeout 30 perl run.pl "$dir/redis.sock" | tee seen
diff seen - <<'END'
another takes the lock: OK
Redis, after a single command that failed:
  SET NX of the lock: refused; GET of the lock: other
  SET NX of the lock: refused; GET of the lock: other
Redis, after a transaction that failed:
  SET NX of the lock: OK; GET of the lock: missing
  SET NX of the lock: other; GET of the lock: missing
Redis, after a script that failed:
  SET NX of the lock: OK; GET of the lock: missing
  SET NX of the lock: other; GET of the lock: missing
Redis::Fast, after a single command that failed:
  SET NX of the lock: refused; GET of the lock: other
  SET NX of the lock: refused; GET of the lock: other
Redis::Fast, after a transaction that failed:
  SET NX of the lock: refused; GET of the lock: other
  SET NX of the lock: refused; GET of the lock: other
Redis::Fast, after a script that failed:
  SET NX of the lock: refused; GET of the lock: other
  SET NX of the lock: refused; GET of the lock: other
END
echo "as found: libredis-perl 2.000"
