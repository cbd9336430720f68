#!/usr/bin/env bash
# anacron 2.3 of Debian 12.
#
# Guess: a job that is being run is locked, as documented, so that no other anacron runs it at the same time.
# Seen:  if an anacron is ended by SIGTERM its job goes on, and the next anacron runs the job beside it: the lock is a
#        record lock of fcntl(2) on the timestamp file, which belongs to the anacron and not to its job.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
command -v anacron >/dev/null || { echo "install the Debian package anacron" >&2; exit 1; }
dir=$(mktemp -d)
trap 'touch "$dir/end"; sleep 1; kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir spool
cat >job.sh <<'END'
touch "$dir/at-work.$$"
for _ in $(seq 400); do [ ! -e "$dir/end" ] || break; sleep 0.1; done
rm "$dir/at-work.$$"
END
cat >tab <<END
SHELL=/bin/sh
dir=$dir
1 0 backup sh $dir/job.sh
END
jobs_at_work() { find . -name 'at-work.*' | wc -l; }
wait_for() { for _ in $(seq 100); do [ "$(jobs_at_work)" -lt $1 ] || return 0; sleep 0.1; done; return 1; }
call() { exec timeout 60 anacron -d -t "$dir/tab" -S "$dir/spool" "$1" 2>/dev/null; }
{
	call backup & first=$!
	wait_for 1
	(call backup)
	echo "while the first anacron is there: jobs at work $(jobs_at_work)"
	kill $first
	wait $first || true
	echo "the first anacron has ended: jobs at work $(jobs_at_work)"
	call backup & second=$!
	wait_for 2
	echo "with the next anacron: jobs at work $(jobs_at_work)"
	touch end
	wait $second
} | tee seen
diff seen - <<'END'
while the first anacron is there: jobs at work 1
the first anacron has ended: jobs at work 1
with the next anacron: jobs at work 2
END
echo "as found: anacron 2.3"
