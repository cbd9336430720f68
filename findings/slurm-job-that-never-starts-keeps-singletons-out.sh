#!/usr/bin/env bash
# slurm-wlm 22.05.8 of Debian 12.
#
# Guess: a job with --dependency=singleton waits for jobs of its name and user that have been "launched", as documented: for
#        those that run or are suspended. One that was never started, as it is held, or as a dependency of its own can
#        never be fulfilled, does not matter.
# Seen:  every earlier job of the name counts, also a pending one, with or without singleton. A job that is held, or whose
#        dependency has failed (DependencyNeverSatisfied), which stays in the queue by default, keeps all later singletons
#        of the name out for good; the reason shown is "Dependency" alone. Once it is cancelled they run.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
for tool in slurmctld slurmd sbatch python3; do
	command -v $tool >/dev/null || { echo "install the Debian packages slurm-wlm and python3" >&2; exit 1; }
done
[[ $(slurmctld -V) == *" 22.05.8" ]] || { echo "this needs Slurm 22.05.8" >&2; exit 1; }
dir=$(mktemp -d)
daemons=()
trap 'scancel --user="$(id -un)" 2>/dev/null || true; sleep 1; kill "${daemons[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
host=$(hostname -s)
read -r port1 port2 < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
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
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port2 CPUs=8 SocketsPerBoard=8
PartitionName=p Nodes=ALL Default=YES State=UP
END
mkdir state
timeout 170 slurmctld -D 2>/dev/null &
daemons+=($!)
timeout 170 slurmd -D -N n1 2>/dev/null &
daemons+=($!)
job() { # options
	sbatch --parsable --output=/dev/null "$@" --wrap true
}
state() { squeue -h -t all -j "$1" -o '%T (%r)'; }
wait_for() { # a job, its state
	for _ in $(seq 200); do [[ $(state "$1") != "$2"* ]] || return 0; sleep 0.2; done
	echo "job $1 is $(state "$1"), not $2" >&2
	return 1
}
for _ in $(seq 150); do [ "$(sinfo -h -t idle -o %D 2>/dev/null)" != 1 ] || break; sleep 0.2; done
wait_for "$(job --job-name=a --dependency=singleton)" COMPLETED
{
	held=$(job --job-name=a --hold)
	failed=$(sbatch --parsable --output=/dev/null --wrap false)
	never=$(job --job-name=b --dependency=afterok:"$failed")
	wait_for "$failed" FAILED
	after_held=$(job --job-name=a --dependency=singleton)
	after_never=$(job --job-name=b --dependency=singleton)
	other=$(job --job-name=c --dependency=singleton)
	wait_for "$other" COMPLETED
	sleep 10
	echo "a: held: $(state "$held"); the singleton after it: $(state "$after_held")"
	echo "b: without a chance: $(state "$never"); the singleton after it: $(state "$after_never")"
	scancel "$held" "$never"
	wait_for "$after_held" COMPLETED
	wait_for "$after_never" COMPLETED
	echo "these two cancelled: a: $(state "$after_held"), b: $(state "$after_never")"
} | tee seen
diff seen - <<'END'
a: held: PENDING (JobHeldUser); the singleton after it: PENDING (Dependency)
b: without a chance: PENDING (DependencyNeverSatisfied); the singleton after it: PENDING (Dependency)
these two cancelled: a: COMPLETED (None), b: COMPLETED (None)
END
echo "as found: slurm-wlm 22.05.8"
