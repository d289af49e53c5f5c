#!/usr/bin/env bash
# A Slurm cluster on this one machine, for tests: two nodes on loopback, two pretended GPUs each, no systemd, no cgroups.
#   cluster.sh up FOLDER      start it; its state and logs lie in FOLDER
#   cluster.sh down FOLDER    end what `up` started
# Needs root and, on Debian: apt install munge slurmctld slurmd slurm-client
set -euo pipefail

action="${1:?up or down}"
folder="$(realpath -m "${2:?folder}")"
host="$(hostname -s)"

die() { echo "cluster.sh: error: $*" >&2; exit 2; }

up() {
  [ "$(id -u)" = 0 ] || die "needs root"
  for tool in munged slurmctld slurmd squeue; do
    command -v "$tool" >/dev/null || die "$tool is missing; apt install munge slurmctld slurmd slurm-client"
  done
  # Slurm's job steps forget SLURM_CONF, so the configuration must lie where Slurm looks: never over a real one.
  if [ -e /etc/slurm/slurm.conf ] && ! grep -qs '^ClusterName=genescribe-test$' /etc/slurm/slurm.conf; then
    die "/etc/slurm/slurm.conf belongs to another cluster"
  fi
  # What a run that was killed has left.
  if [ -L /etc/slurm/slurm.conf ]; then end "$(dirname "$(readlink -m /etc/slurm/slurm.conf)")"; fi
  mkdir -p "$folder"/{state,spool.n1,spool.n2,log,munge,gpu} /etc/slurm
  chmod 755 "$folder"
  authenticate
  write_configuration
  slurmctld -f "$folder/slurm.conf"
  for node in n1 n2; do slurmd -f "$folder/slurm.conf" -N "$node"; done
  for _ in $(seq 100); do
    [ "$(sinfo --noheader --Node --partition cpu --states idle 2>/dev/null | wc -l)" = 2 ] && return
    sleep 0.1
  done
  tail "$folder"/log/*.log >&2
  die "the nodes did not become idle within 10 s"
}

authenticate() {
  # A munged that runs already serves as well.
  if munge --no-input 2>/dev/null | unmunge >/dev/null 2>&1; then return; fi
  dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
  chmod 400 "$folder/munge/key"
  mkdir -p /run/munge
  chown -R munge: "$folder/munge" /run/munge
  chmod 711 "$folder/munge"
  chmod 755 /run/munge
  setpriv --reuid=munge --regid=munge --clear-groups munged --key-file="$folder/munge/key" \
    --socket=/run/munge/munge.socket.2 --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" \
    --seed-file="$folder/munge/seed" --num-threads=2
}

write_configuration() {
  # More CPUs and memory than there are: the jobs of the tests are small, and Slurm does not measure them here.
  cat >"$folder/slurm.conf" <<CONF
ClusterName=genescribe-test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
SlurmctldPort=16817
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/completed.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=3600
SchedulerParameters=sched_interval=1,bf_interval=2,defer_batch
KillWait=5
SlurmctldTimeout=30
SlurmdTimeout=60
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16821 CPUs=8 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=16822 CPUs=8 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=n1,n2 MaxTime=INFINITE State=UP
CONF
  echo AutoDetect=off >"$folder/gres.conf"
  for node in n1 n2; do
    touch "$folder/gpu/$node."{0,1} # Slurm asks only that a device's file is there.
    echo "NodeName=$node Name=gpu File=$folder/gpu/$node.[0-1]" >>"$folder/gres.conf"
  done
  ln -sfn "$folder/slurm.conf" /etc/slurm/slurm.conf
  ln -sfn "$folder/gres.conf" /etc/slurm/gres.conf
}

down() { end "$folder"; }

# End the cluster of a folder, and its jobs; wait until its ports are free.
end() {
  if [ "$(readlink -m /etc/slurm/slurm.conf)" = "$1/slurm.conf" ]; then
    timeout 10 scancel --user=root 2>/dev/null || true
    rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
  fi
  local file pid
  for file in slurmd.n1.pid slurmd.n2.pid slurmctld.pid munge/pid; do
    [ -s "$1/$file" ] || continue
    pid="$(cat "$1/$file")"
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done
}

case "$action" in
up | down) "$action" ;;
*) die "$action: up or down" ;;
esac
