#!/usr/bin/env bash
# libminion-perl 10.25 with libminion-backend-sqlite-perl 5.0.7 of Debian 12.
#
# Guess: of two jobs that share a lock with a limit of two, one for an hour and one for five seconds, each gives its own
#        place back: when the first is done and the second's time is over, both places are free.
# Seen:  one stays taken for the hour. The guard of the first deletes the lock of the name that expires first, which is
#        the second's, and leaves its own; the guard of the second does nothing after its time. Locks have a name and
#        a time, and no owner.
set -euo pipefail
perl -MMinion -MMinion::Backend::SQLite -e 1 2>/dev/null ||
	{ echo "install the Debian packages libminion-perl and libminion-backend-sqlite-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.pl <<'END'
use Mojo::Base -strict;
use Minion;

for my $time (3600, 5) {
  my $minion = Minion->new(SQLite => "sqlite:$ARGV[0]/$time.db");
  my $first  = $minion->guard('service', $time, {limit => 2}) or die;
  my $second = $minion->guard('service', 5, {limit => 2}) or die;
  undef $first;
  sleep 12;
  undef $second;
  my $free = 0;
  $free++ while $minion->lock('service', 60, {limit => 2});
  say "first for $time s, second for 5 s, both done, 12 s later: free places: $free of 2";
}
END
timeout 60 perl run.pl "$dir" | tee seen
diff seen - <<'END'
first for 3600 s, second for 5 s, both done, 12 s later: free places: 1 of 2
first for 5 s, second for 5 s, both done, 12 s later: free places: 2 of 2
END
echo "as found: Minion 10.25"
