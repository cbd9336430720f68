#!/usr/bin/env bash
# libfile-flock-retry-perl 0.632 of Debian 12.
#
# Guess: with the option `shared`, a lock that asks for exclusion is refused until the last reader has released its own.
# Seen:  the first reader that leaves lets a writer in beside the others: unlock deletes an empty file,
#        whatever the kind of lock, and the writer makes and locks a new one. A file with something in it stays, and then
#        all is as guessed.
set -euo pipefail
perl -MFile::Flock::Retry -e 1 2>/dev/null || { echo "install the Debian package libfile-flock-retry-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.pl <<'END'
use strict;
use warnings;
use File::Flock::Retry;
$| = 1;

sub process {    # runs the code in a process of its own
    my ($code) = @_;
    my $pid = fork // die;
    return $pid if $pid;
    $code->();
    exit;
}

sub writer {
    my ($when) = @_;
    waitpid process(sub {
        my $lock = eval { File::Flock::Retry->lock('data', { retries => 0 }) };
        printf "  %s: a writer %s\n", $when, $lock ? 'has the lock' : 'is refused';
    }), 0;
}

for my $content ('', 'something') {
    open my $file, '>', 'data' or die;
    print $file $content;
    close $file;
    print $content ? "a file with something in it\n" : "an empty file\n";
    my $reader = process(sub {
        my $lock = File::Flock::Retry->lock('data', { shared => 1 });
        mkdir 'read';
        select undef, undef, undef, 0.1 until -e 'end';
    });
    select undef, undef, undef, 0.1 until -e 'read';
    my $lock = File::Flock::Retry->lock('data', { shared => 1 });
    $lock->unlock;
    undef $lock;
    writer('one of two readers has left');
    mkdir 'end';
    waitpid $reader, 0;
    writer('both have left');
    rmdir 'read';
    rmdir 'end';
}
END
timeout 60 perl run.pl | tee seen
diff seen - <<'END'
an empty file
  one of two readers has left: a writer has the lock
  both have left: a writer has the lock
a file with something in it
  one of two readers has left: a writer is refused
  both have left: a writer has the lock
END
echo "as found: File::Flock::Retry 0.632"
