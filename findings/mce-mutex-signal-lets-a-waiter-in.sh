#!/usr/bin/env bash
# Debian 12: libmce-perl 1.884 (MCE::Mutex).
#
# Guess: a process that waits in lock goes on waiting when it has handled a signal, such as the SIGCHLD of a child that
#        ended.
# Seen:  with a path, so with a lock of a file, lock returns and the block of synchronize runs while another process has
#        the lock: flock was interrupted, and nobody looks at what it returned. Its unlock leaves the other's lock alone.
#        Without a path, so with a pipe, it waits on; a signal without a handler changes nothing either.
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

sub touch { open my $file, '>', $_[0] or die }

sub process {    # runs the code in a process of its own
    my ($code) = @_;
    my $pid = fork // die;
    return $pid if $pid;
    $SIG{CHLD} = 'DEFAULT';
    $code->();
    exit;
}

for my $case (['a file, a child ends', 1, 1], ['a file, a child ends, no handler', 1, 0], ['a pipe, a child ends', 0, 1]) {
    my ($name, $file, $handler) = @$case;
    unlink 'held', 'over';
    my $mutex = MCE::Mutex->new($file ? (path => 'lock') : ());
    my $holder = process(sub {
        $mutex->lock;
        touch('held');
        sleep 9;
        touch('over');
        $mutex->unlock;
    });
    sleep 0.1 until -e 'held';
    my $handled = 0;
    $SIG{CHLD} = $handler ? sub { $handled++ } : 'DEFAULT';
    my $child = process(sub { sleep 2 });
    $mutex->synchronize(sub { print "$name: the block runs ", -e 'over' ? 'once' : 'before', " the holder is done\n" });
    $SIG{CHLD} = 'DEFAULT';
    waitpid $_, 0 for $child, $holder;
}
END
timeout 80 perl run.pl | tee seen
diff seen - <<'END'
a file, a child ends: the block runs before the holder is done
a file, a child ends, no handler: the block runs once the holder is done
a pipe, a child ends: the block runs once the holder is done
END
echo "as found: MCE::Mutex 1.884"
