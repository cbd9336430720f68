#!/usr/bin/env bash
# libfile-nfslock-perl 1.29 of Debian 12.
#
# Guess: with a stale_lock_timeout, a process that waits for a lock (BLOCKING) takes it as soon as the lock is older than
#        that: the documentation says that the time of the lock is looked at when the lock is not got, and that it is
#        then tried again. And a holder that has lost its lock in this way leaves the next one's alone.
# Seen:  the age is looked at once, before the first try: who waits already waits on, beside others who come later and
#        take the lock at once. When the holder that has lost it calls unlock, it deletes the lock file of the next one,
#        and a third gets the lock: the file is deleted without a look at whose it is.
set -euo pipefail
perl -MFile::NFSLock -e 1 2>/dev/null || { echo "install the Debian package libfile-nfslock-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >lock.pl <<'END'
use strict;
use warnings;
use File::NFSLock;
my ($name, $type, $timeout, $stale, $until) = @ARGV;
my $lock = File::NFSLock->new('job', $type, $timeout, $stale);
open my $file, '>', "$name.tried";
print $file $lock ? 'has the lock' : 'does not get the lock';
close $file;
select undef, undef, undef, 0.1 until !$until || -e $until;
$lock->unlock if $lock;
END
lock() { timeout 60 perl lock.pl "$@"; }
tried() { for _ in $(seq 400); do [ ! -s "$1.tried" ] || break; sleep 0.1; done; }
say() { echo "$1: $(cat "$2.tried")" | tee -a seen; }
lock holder EX 0 0 lost & holder=$!
tried holder
say 'the first' holder
lock waiter EX 16 5 # waits for three times the age from which a lock is stale
say 'one that waits for 16 s' waiter
lock next NB 0 5 end & next=$!
tried next
say 'one that comes then' next
lock third NB 0 0
say 'a third' third
touch lost
wait "$holder"
lock fourth NB 0 0
say 'a fourth, after the unlock of the first' fourth
touch end
wait "$next"
diff seen - <<'END'
the first: has the lock
one that waits for 16 s: does not get the lock
one that comes then: has the lock
a third: does not get the lock
a fourth, after the unlock of the first: has the lock
END
echo "as found: File::NFSLock 1.29"
