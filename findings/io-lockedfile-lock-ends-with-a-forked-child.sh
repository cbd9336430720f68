#!/usr/bin/env bash
# libio-lockedfile-perl 0.23 (IO::LockedFile) of Debian 12.
#
# Guess: a process that holds the lock of a file keeps it while it forks children, whatever they do, until it unlocks or closes
#        the file or ends; or at least have_lock tells of a loss.
# Seen:  the first child that ends frees the lock: another process gets it while the first works on, and have_lock stays 1.
#        At its end a child destroys its copy of the object, and DESTROY unlocks the file, with flock(2), whose lock is
#        that of the open file, which the two share. A child that leaves by POSIX::_exit, or runs another program,
#        does not; a plain handle of Perl that is locked with flock is only closed.
set -euo pipefail
perl -MIO::LockedFile -e 1 2>/dev/null || { echo "install the Debian package libio-lockedfile-perl" >&2; exit 1; }
[[ $(dpkg-query -W -f '${Version}' libio-lockedfile-perl) == 0.23+* ]] || { echo "this needs libio-lockedfile-perl 0.23" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >other.pl <<'END'
use IO::LockedFile;
print defined IO::LockedFile->new({ block => 0 }, ">>$ARGV[0]") ? "gets in\n" : "is refused\n";
END
cat >run.pl <<'END'
use strict;
use warnings;
use Fcntl ':flock';
use IO::LockedFile;
use POSIX ();
$| = 1;

sub other { my $answer = `$^X other.pl $_[0]`; chomp $answer; return $answer }

sub child {
    my $end = shift;
    my $pid = fork // die;
    $end->() if !$pid;
    waitpid $pid, 0;
}

my $file = IO::LockedFile->new('>>lock') or die;
print 'locked: another process ', other('lock'), "\n";
child(sub { POSIX::_exit(0) });
print 'a child has left by _exit: another process ', other('lock'), "\n";
child(sub { exec 'true' });
print 'a child has run a program: another process ', other('lock'), "\n";
child(sub { exit 0 });
print 'a child has ended: another process ', other('lock'), ', have_lock ', $file->have_lock, "\n";
open my $plain, '>>', 'plain' or die;
flock $plain, LOCK_EX or die;
child(sub { exit 0 });
print 'a plain handle, a child has ended: another process ', other('plain'), "\n";
END
timeout 60 perl run.pl | tee seen
diff seen - <<'END'
locked: another process is refused
a child has left by _exit: another process is refused
a child has run a program: another process is refused
a child has ended: another process gets in, have_lock 1
a plain handle, a child has ended: another process is refused
END
echo "as found: libio-lockedfile-perl 0.23"
