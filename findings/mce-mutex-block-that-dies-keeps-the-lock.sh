#!/usr/bin/env bash
# Debian 12: libmce-perl 1.884 (MCE::Mutex).
#
# Guess: synchronize frees the lock when its block dies, as a block of that name does in other languages: the caller
#        catches the error and others go on.
# Seen:  the lock stays for as long as the process lives, and nobody notices in that process: its next synchronize goes in
#        and then frees the lock, while all others wait. (The code that frees it stands after the call of the block, with
#        nothing around it.) It is so with a lock of a pipe and of a file.
set -euo pipefail
perl -MMCE::Mutex -e 1 2>/dev/null || { echo "install the Debian package libmce-perl" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.pl <<'END'
use strict;
use warnings;
use MCE::Mutex;
$| = 1;

sub other {
    my ($mutex, $when) = @_;
    my $pid = fork // die;
    if (!$pid) {
        printf "  %s: another process %s\n", $when, $mutex->timedwait(4) ? 'gets the lock' : 'waits in vain';
        exit;
    }
    waitpid $pid, 0;
}

for my $options ([], [path => 'lock']) {
    my $mutex = MCE::Mutex->new(@$options);
    printf "%s\n", $mutex->impl;
    other($mutex, 'before');
    eval { $mutex->synchronize(sub { die "no\n" }) };
    other($mutex, 'the block has died');
    print "  the same process goes in\n" if $mutex->synchronize(sub { 1 });
    other($mutex, 'after that');
}
END
timeout 80 perl run.pl | tee seen
diff seen - <<'END'
Channel
  before: another process gets the lock
  the block has died: another process waits in vain
  the same process goes in
  after that: another process gets the lock
Flock
  before: another process gets the lock
  the block has died: another process waits in vain
  the same process goes in
  after that: another process gets the lock
END
echo "as found: MCE::Mutex 1.884"
