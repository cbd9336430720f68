#!/usr/bin/env bash
# s6 2.11.3.2, daemontools 0.76, runit 2.1.2 and util-linux 2.38.1 of Debian 12.
#
# Guess: s6-setlock does what setlock of daemontools, chpst -L of runit and flock(1) do: the four keep each other out of
#        one file, and a command that goes on in the background keeps the lock.
# Seen:  s6-setlock excludes itself alone: it locks with fcntl, the others with flock(2). Such a lock is not handed on to
#        children: when the command itself has ended, the lock is free though its child goes on. With -t it is as with
#        the others, since then a helper process has the lock for as long as anyone has the command's end of its pipe.
set -euo pipefail
for program in s6-setlock setlock chpst flock; do
	command -v $program >/dev/null || { echo "install the Debian packages s6, daemontools and runit" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'touch "$dir/end" 2>/dev/null; sleep 0.5; kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
export PATH=$PATH:/usr/sbin:/sbin
run() { # the name of a program, the file, the command; does not wait for the lock
	local name=$1
	shift
	case $name in
	setlock) setlock -n "$@" ;;
	chpst) chpst -L "$@" ;;
	flock) flock -n "$@" ;;
	s6-setlock) s6-setlock -n "$@" ;;
	's6-setlock -t') s6-setlock -t 2000 "$@" ;;
	esac 2>/dev/null
}
wait_for() { for _ in $(seq 200); do [ ! -e "$1" ] || return 0; sleep 0.1; done; return 1; }
export -f wait_for
names=(setlock chpst flock s6-setlock 's6-setlock -t')
for holder in "${names[@]}"; do
	rm -f lock begun end
	run "$holder" lock bash -c 'touch begun; wait_for end' &
	wait_for begun
	refused=
	for other in "${names[@]}"; do run "$other" lock true || refused+=" [$other]"; done
	touch end
	wait
	echo "$holder has the lock, refused are:${refused:- none}" | tee -a seen
done
for holder in "${names[@]}"; do
	rm -f lock begun end
	run "$holder" lock bash -c '{ touch begun; wait_for end; touch ended; } & wait_for begun'
	if run s6-setlock lock true && run setlock lock true; then state=free; else state=held; fi
	touch end
	wait_for ended
	rm -f ended
	echo "$holder, the command has ended and its child goes on: the lock is $state" | tee -a seen
done
diff seen - <<'END'
setlock has the lock, refused are: [setlock] [chpst] [flock]
chpst has the lock, refused are: [setlock] [chpst] [flock]
flock has the lock, refused are: [setlock] [chpst] [flock]
s6-setlock has the lock, refused are: [s6-setlock] [s6-setlock -t]
s6-setlock -t has the lock, refused are: [s6-setlock] [s6-setlock -t]
setlock, the command has ended and its child goes on: the lock is held
chpst, the command has ended and its child goes on: the lock is held
flock, the command has ended and its child goes on: the lock is held
s6-setlock, the command has ended and its child goes on: the lock is free
s6-setlock -t, the command has ended and its child goes on: the lock is held
END
echo "as found: s6 2.11.3.2"
