#!/usr/bin/env bash
# runlock of cronutils 1.9, lckdo of moreutils 0.67 and flock of util-linux 2.38 of Debian 12.
#
# Guess: with runlock and lckdo a lock is held as long as the command is at work, as with flock(1): if the tool itself is ended
#        by SIGTERM, or the command leaves a process in the background, the next one does not get in. And runlock with
#        -t 0, the seconds "to wait before giving up", gives up at once.
# Seen:  with both, the command goes on after a SIGTERM to the tool, and the next one runs beside it; so does one beside a
#        process in the background. They lock with fcntl(2), and such a lock is the tool's own: no child has it. And
#        -t 0 waits without a limit, as it sets a timer of 0, which is none.
set -euo pipefail
for tool in runlock lckdo flock; do
	command -v $tool >/dev/null || { echo "install the Debian packages cronutils, moreutils and util-linux" >&2; exit 1; }
done
[[ $(dpkg-query -W -f '${Version} ' cronutils moreutils util-linux) == "1.9-"*" 0.67-"*" 2.38"* ]] ||
	{ echo "this needs cronutils 1.9, moreutils 0.67 and util-linux 2.38" >&2; exit 1; }
dir=$(mktemp -d)
trap 'touch "$dir/end"; sleep 2; rm -rf "$dir"' EXIT
cd "$dir"
cat >work.sh <<'END'
exec >/dev/null 2>&1
touch "$1.at-work"
for _ in $(seq 800); do [ ! -e end ] && [ ! -e "$1.end" ] || break; sleep 0.1; done
touch "$1.ended"
END
wait_for() { for _ in $(seq 200); do [ ! -e "$1" ] || return 0; sleep 0.1; done; echo "no $1" >&2; return 1; }
lock() { # a tool, a lock, the command
	case $1 in
	runlock) exec runlock -t 1 -f "$2" "${@:3}" ;;
	lckdo) exec lckdo -q "$2" "${@:3}" ;;
	flock) exec flock -n "$2" "${@:3}" ;;
	esac
}
try() { # a tool, a lock
	if (lock "$1" "$2" true) >/dev/null 2>&1; then echo gets in; else echo does not get in; fi
}
{
	for tool in runlock lckdo flock; do
		(lock $tool $tool.1 bash work.sh $tool.1) 2>/dev/null &
		pid=$!
		wait_for $tool.1.at-work
		first="the next one $(try $tool $tool.1)"
		kill $pid
		wait $pid 2>/dev/null || true
		sleep 1
		[ ! -e $tool.1.ended ] || echo 'the command has ended'
		echo "$tool: $first; after a SIGTERM, with the command at work, it $(try $tool $tool.1)"
		(lock $tool $tool.2 bash -c "bash work.sh $tool.2 &") 2>/dev/null
		wait_for $tool.2.at-work
		echo "$tool: with a process in the background it $(try $tool $tool.2)"
	done
	runlock -f zero bash work.sh zero &
	wait_for zero.at-work
	runlock -t 0 -f zero touch got &
	pid=$!
	sleep 8
	! kill -0 $pid || echo 'runlock -t 0 waits after 8 s'
	touch zero.end
	wait_for got
	echo 'runlock -t 0 has the lock at last'
} | tee seen
diff seen - <<'END'
runlock: the next one does not get in; after a SIGTERM, with the command at work, it gets in
runlock: with a process in the background it gets in
lckdo: the next one does not get in; after a SIGTERM, with the command at work, it gets in
lckdo: with a process in the background it gets in
flock: the next one does not get in; after a SIGTERM, with the command at work, it does not get in
flock: with a process in the background it does not get in
runlock -t 0 waits after 8 s
runlock -t 0 has the lock at last
END
echo "as found: cronutils 1.9, moreutils 0.67"
