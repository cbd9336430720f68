#!/usr/bin/env bash
# slurm-wlm 22.05.8 of Debian 12, one slurmctld and two slurmd.
#
# Guess: jobs that exclude each other wait until a job that was cancelled, or whose time is over, has ended its clean-up after
#        SIGTERM (up to KillWait), whatever excludes them: a licence of which there is one, --dependency=afterany,
#        --dependency=singleton ("after any previously launched jobs ... have terminated") or an array with %1 ("number of
#        simultaneously running tasks").
# Seen:  with singleton and %1 the next job begins on another node at once, beside the clean-up of the last. A job that is
#        completing (CG) counts for these two as one that is no longer running; a licence and afterany wait for its end.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
for tool in slurmctld slurmd sbatch python3; do
	command -v $tool >/dev/null || { echo "install the Debian packages slurm-wlm and python3" >&2; exit 1; }
done
[[ $(slurmctld -V) == *" 22.05.8" ]] || { echo "this needs Slurm 22.05.8" >&2; exit 1; }
dir=$(mktemp -d)
daemons=()
trap 'scancel --user="$(id -un)" 2>/dev/null || true; touch "$dir"/stop; sleep 3; kill "${daemons[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
host=$(hostname -s)
read -r port1 port2 port3 < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
export SLURM_CONF=$dir/slurm.conf
cat >slurm.conf <<END
ClusterName=c
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port1
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
SwitchType=switch/none
MpiDefault=none
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/ctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/ctld.log
SlurmdLogFile=$dir/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
Licenses=lock:1
KillWait=90
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port2 CPUs=8 SocketsPerBoard=8 Weight=1
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port3 CPUs=8 SocketsPerBoard=8 Weight=2
PartitionName=p Nodes=ALL Default=YES State=UP
END
mkdir state
timeout 170 slurmctld -D 2>/dev/null &
daemons+=($!)
for node in n1 n2; do
	timeout 170 slurmd -D -N $node 2>/dev/null &
	daemons+=($!)
done
cat >job.sh <<'END'
#!/bin/bash
# the log, and the second that a clean-up takes unless another job begins
log=$1
clean_up() {
	echo 'the first cleans up' >>"$log"
	for _ in $(seq "$2"); do ! grep -q 'the next' "$log" || break; sleep 1; done
	sleep 2
	echo 'the first has cleaned up' >>"$log"
	exit 0
}
if mkdir "$log.first" 2>/dev/null; then
	trap 'clean_up "$log" "'"$2"'"' TERM
	echo 'the first begins' >>"$log"
	for _ in $(seq 1000); do [ ! -e stop ] || exit 0; sleep 0.2; done
else
	echo 'the next begins' >>"$log"
fi
END
wait_for() { # a text, a log
	for _ in $(seq 200); do ! grep -qs "$1" "$2" || return 0; sleep 0.2; done
	echo "not seen in $2: $1" >&2
	return 1
}
job() { sbatch --parsable --output=/dev/null "${@:3}" job.sh "$1" "$2"; } # the log, the seconds, options
for _ in $(seq 150); do [ "$(sinfo -h -t idle -o %D 2>/dev/null)" != 2 ] || break; sleep 0.2; done
licence=$(job licence 15 --licenses=lock)
job licence 15 --licenses=lock >/dev/null
any=$(job afterany 15)
singleton=$(job singleton 40 --job-name=s --dependency=singleton)
job singleton 40 --job-name=s --dependency=singleton >/dev/null
array=$(job array 40 --array=1-2%1)
for log in licence afterany singleton array; do wait_for 'first begins' $log; done
job afterany 15 --dependency=afterany:"$any" >/dev/null
case $(squeue -h -r -j "$array" -t R -o %K) in 1) array=${array}_1 ;; *) array=${array}_2 ;; esac
scancel "$licence" "$any" "$singleton" "$array"
for log in licence afterany singleton array; do
	wait_for 'has cleaned up' $log
	wait_for 'next begins' $log
	echo "$log: $(paste -sd , $log | sed 's/,/, /g')"
done | tee seen
diff seen - <<'END'
licence: the first begins, the first cleans up, the first has cleaned up, the next begins
afterany: the first begins, the first cleans up, the first has cleaned up, the next begins
singleton: the first begins, the first cleans up, the next begins, the first has cleaned up
array: the first begins, the first cleans up, the next begins, the first has cleaned up
END
echo "as found: slurm-wlm 22.05.8"
