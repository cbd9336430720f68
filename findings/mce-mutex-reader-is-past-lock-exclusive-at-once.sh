#!/usr/bin/env bash
# Debian 12: libmce-perl 1.884 (MCE::Mutex).
#
# Guess: lock_exclusive of a process that has the lock of lock_shared waits until the other readers have left, or is
#        refused at least.
# Seen:  it returns at once and the process is still a reader: two processes at once are past lock_exclusive, and readers
#        get in beside them. (The method does nothing if the process has the lock already, and does not look which one.)
#        With an unlock before it, all is as guessed.
set -euo pipefail
perl -MMCE::Mutex -e 1 2>/dev/null || { echo "install the Debian package libmce-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.pl <<'END'
use strict;
use warnings;
use MCE::Mutex;
use Time::HiRes 'sleep';
$| = 1;

sub until_there { my ($file) = @_; for (1 .. 200) { return 1 if -e $file; sleep 0.1 } return 0 }
sub touch { open my $file, '>', $_[0] or die }

for my $unlock (0, 1) {
    my @writers;
    unlink glob '*.in *.reads end';
    for my $name ('a', 'b') {
        my $pid = fork // die;
        if (!$pid) {
            my $mutex = MCE::Mutex->new(path => 'lock');
            $mutex->lock_shared;
            touch("$name.reads");
            until_there('a.reads') and until_there('b.reads') or die;
            $mutex->unlock if $unlock;
            $mutex->lock_exclusive;
            touch("$name.in");
            until_there('end');
            $mutex->unlock;
            exit;
        }
        push @writers, $pid;
    }
    sleep 0.1 until -e 'a.in' or -e 'b.in';
    sleep 4;
    my $in = () = glob '*.in';
    my $reader = fork // die;
    if (!$reader) {
        MCE::Mutex->new(path => 'lock')->lock_shared;
        touch('c.in');
        exit;
    }
    sleep 3;
    printf "%s: %d are past lock_exclusive at once, a new reader gets in: %s\n",
        $unlock ? 'with an unlock first' : 'from lock_shared to lock_exclusive', $in, -e 'c.in' ? 'yes' : 'no';
    touch('end');
    waitpid $_, 0 for @writers, $reader;
}
END
timeout 80 perl run.pl | tee seen
diff seen - <<'END'
from lock_shared to lock_exclusive: 2 are past lock_exclusive at once, a new reader gets in: yes
with an unlock first: 1 are past lock_exclusive at once, a new reader gets in: no
END
echo "as found: MCE::Mutex 1.884"
