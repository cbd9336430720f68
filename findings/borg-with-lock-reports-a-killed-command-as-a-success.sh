#!/usr/bin/env bash
# Debian's borgbackup 1.2.4.
#
# Guess: the exit status of `borg with-lock REPO COMMAND` tells how the command ended: its own status, and something
#        other than 0 if a signal ended it.
# Seen:  it is the command's own status, and 0 if a signal ended the command, as the kernel does when memory runs out.
#        (A command that a signal ended has a negative status, and borg keeps the greater of that and 0.)
set -euo pipefail
command -v borg >/dev/null || { echo "install the Debian package borgbackup" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export BORG_BASE_DIR=$dir/base BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
timeout 40 borg init --encryption none repo 2>/dev/null
with_lock() {
	local status=0
	timeout 40 borg with-lock repo "$@" || status=$?
	echo "$status"
}
{
	echo "a command that succeeds: $(with_lock true)"
	echo "a command that ends with status 7: $(with_lock sh -c 'exit 7')"
	for signal in TERM KILL SEGV; do
		echo "a command that SIG$signal ends: $(with_lock sh -c "kill -$signal \$\$")"
	done
} | tee seen
diff seen - <<'END'
a command that succeeds: 0
a command that ends with status 7: 7
a command that SIGTERM ends: 0
a command that SIGKILL ends: 0
a command that SIGSEGV ends: 0
END
echo "as found: borgbackup $(dpkg-query -f '${Version}' -W borgbackup)"
