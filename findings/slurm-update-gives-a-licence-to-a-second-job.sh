#!/usr/bin/env bash
# slurm-wlm 22.05.8 of Debian 12.
#
# Guess: of a licence of which there is one, at most one running job has it: `scontrol update JobId=... Licenses=lock` for a
#        running job is refused while another job has it, as a new job waits for it.
# Seen:  the update is carried out, without a word: both jobs run with the licence, and `scontrol show licenses` counts
#        2 used of 1. Only more than there are in all is refused. For a job that runs, slurmctld looks whether the licences
#        exist, not whether they are free. The next job begins when both have ended.
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
Licenses=lock:1
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port2 CPUs=8 SocketsPerBoard=8
PartitionName=p Nodes=ALL Default=YES State=UP
END
mkdir state
timeout 170 slurmctld -D 2>/dev/null &
daemons+=($!)
timeout 170 slurmd -D -N n1 2>/dev/null &
daemons+=($!)
job() { # seconds, options
	sbatch --parsable --output=/dev/null "${@:2}" --wrap "sleep $1"
}
wait_for() { # a job, its state
	for _ in $(seq 200); do [ "$(squeue -h -t all -j "$1" -o %T)" != "$2" ] || return 0; sleep 0.2; done
	echo "job $1 is not $2" >&2
	return 1
}
licence() { scontrol show licenses lock | grep -o 'Total=.*Free=[0-9]*'; }
for _ in $(seq 150); do [ "$(sinfo -h -t idle -o %D 2>/dev/null)" != 1 ] || break; sleep 0.2; done
first=$(job 120 --licenses=lock)
second=$(job 120)
wait_for "$first" RUNNING
wait_for "$second" RUNNING
{
	echo "the first has it: $(licence)"
	status=0
	scontrol update JobId="$second" Licenses=lock:2 2>err || status=$?
	echo "two for the second: status $status, $(licence)"
	scontrol update JobId="$second" Licenses=lock
	echo "one for the second: status $?, $(licence)"
	for job in "$first" "$second"; do scontrol show job "$job" | grep -oE 'JobState=[A-Z]+|Licenses=[^ ]*' | paste -sd ' '; done
	third=$(job 1 --licenses=lock)
	scancel "$first"
	wait_for "$first" CANCELLED
	sleep 8
	echo "the first is cancelled: $(licence), the third: $(squeue -h -j "$third" -o '%T (%r)')"
	scancel "$second"
	wait_for "$third" COMPLETED
	echo 'the second is cancelled: the third ran'
} | tee seen
diff seen - <<'END'
the first has it: Total=1 Used=1 Free=0
two for the second: status 1, Total=1 Used=1 Free=0
one for the second: status 0, Total=1 Used=2 Free=0
JobState=RUNNING Licenses=lock
JobState=RUNNING Licenses=lock
the first is cancelled: Total=1 Used=1 Free=0, the third: PENDING (Licenses)
the second is cancelled: the third ran
END
echo "as found: slurm-wlm 22.05.8"
