#!/usr/bin/env bash
# runit 2.1.2 of Debian 12.
#
# Guess: `sv start`, documented to wait "up to 7 seconds for the command to take effect", says ok (exit status 0) when the
#        service is up again, also if it comes while the service is still stopping, as after an `sv stop` that timed out. So
#        does `sv check`, which checks "that the service is in the state that has been requested".
# Seen:  both say "ok: run" at once, of the old process, which has got its TERM and serves no more; the new one begins when
#        that has ended, be it minutes later. start and check only look whether there is a process and "up" is wanted;
#        restart compares the time of its start. A start that is followed by work finds no service.
set -euo pipefail
for tool in runsv sv; do
	command -v $tool >/dev/null || { echo "install the Debian package runit" >&2; exit 1; }
done
[[ $(dpkg-query -W -f '${Version}' runit) == 2.1.2-* ]] || { echo "this needs runit 2.1.2" >&2; exit 1; }
dir=$(mktemp -d)
runsv=
trap 'touch "$dir/go"; sv -w 5 exit "$dir/job" >/dev/null 2>&1 || true; kill $runsv 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
mkdir job
cat >job/run <<END
#!/bin/bash
cd "$dir"
trap 'rm -f serving; for _ in \$(seq 600); do [ ! -e go ] || exit 0; sleep 0.1; done' TERM
echo \$\$ >>begun
touch serving
for _ in \$(seq 800); do sleep 0.1; done
END
chmod +x job/run
timeout 85 runsv "$dir/job" 2>/dev/null &
runsv=$!
say() { echo "$1: $([ -e serving ] && echo serves || echo 'does not serve'), begun $(wc -l <begun)"; }
sv() {
	local status=0 out
	out=$(command sv "$@" 2>&1) || status=$?
	printf 'sv %s: exit status %s, %s\n' "${*:1:$#-1}" $status "$(sed -E "s|$dir/||; s/\(pid [0-9]+\) [0-9]+s/(pid)/; s/, want down//" <<<"$out")"
}
wait_for() { for _ in $(seq 200); do ! eval "$1" || return 0; sleep 0.1; done; echo "not seen: $1" >&2; return 1; }
{
	wait_for '[ -e serving ]'
	sv start "$dir/job"
	sv -w 2 stop "$dir/job"
	wait_for '[ ! -e serving ]'
	sv start "$dir/job"
	say 'after start'
	sv check "$dir/job"
	sv -w 2 restart "$dir/job"
	sleep 5
	sv start "$dir/job"
	say 'five seconds later'
	touch go
	wait_for '[ $(wc -l <begun) -ge 2 ] && [ -e serving ]'
	rm go
	say 'the old process has ended'
} | tee seen
diff seen - <<'END'
sv start: exit status 0, ok: run: job: (pid)
sv -w 2 stop: exit status 1, timeout: run: job: (pid), got TERM
sv start: exit status 0, ok: run: job: (pid), got TERM
after start: does not serve, begun 1
sv check: exit status 0, ok: run: job: (pid), got TERM
sv -w 2 restart: exit status 1, timeout: run: job: (pid), got TERM
sv start: exit status 0, ok: run: job: (pid), got TERM
five seconds later: does not serve, begun 1
the old process has ended: serves, begun 2
END
echo "as found: runit 2.1.2"
