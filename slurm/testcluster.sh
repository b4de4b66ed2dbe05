#!/bin/bash
# A throw-away SLURM on one machine, for tests: two nodes with two pretended GPUs each, accounting, preemption.
#
#   slurm/testcluster.sh install                      the packages that are missing (root, apt)
#   slurm/testcluster.sh up FOLDER [--owner PID]      bring a cluster up; with --owner it ends after that process
#   eval "$(slurm/testcluster.sh env FOLDER)"         let sbatch, squeue, … of this shell speak to it
#   slurm/testcluster.sh status FOLDER                what runs (exit code 3 if not everything does)
#   slurm/testcluster.sh kill-node FOLDER n1          the node dies: its slurmd, steps and jobs at once, then "down"
#   slurm/testcluster.sh revive-node FOLDER n1        and comes back
#   slurm/testcluster.sh down FOLDER                  end what `up` started, and nothing else
#
# Partitions:  learn      the default; its jobs are requeued when preempted
#              cancelled  its jobs are cancelled when preempted
#              urgent     preempts both
# Everything a cluster has lies in FOLDER: configuration, keys, database, logs, pids. Nothing of a SLURM, MUNGE or MariaDB
# that the machine already has is read, written or stopped; several clusters may be up at once.
#
# Settings, from the environment of `up`:
#   TESTCLUSTER_MAX_ARRAY_SIZE=9   largest array index + 1; small, so that tests see it reached
#   TESTCLUSTER_GRACE=0            seconds between TERM and KILL for a preempted job; live:
#                                  scontrol update PartitionName=learn GraceTime=3
#   TESTCLUSTER_KILL_WAIT=30       the same for a cancelled or timed-out job; as SLURM has it
#   TESTCLUSTER_REQUEUE_DELAY=5    seconds until a requeued job may start again: SLURM takes no less, and 120 by itself
#   TESTCLUSTER_USER_SIGNAL=       anything: preempted jobs also get what they asked for with --signal (a site's choice)
#   TESTCLUSTER_ENFORCE=           AccountingStorageEnforce, such as limits; only then does a limit bite that is set by
#                                  sacctmgr -i modify user root set MaxSubmitJobs=3
#
# Exit codes: 1 failed, 2 wrong usage, 3 not up, 4 this machine can't.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SELF=$HERE/$(basename "${BASH_SOURCE[0]}")
NODES=(n1 n2)
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C

say() { echo "testcluster: $*"; }
die() { local code=$1; shift; echo "testcluster: $*" >&2; exit "$code"; }

# ---- packages ------------------------------------------------------------------------------------

packages() { grep -v '^#' "$HERE/packages.txt"; }   # lines of: package, program

missing_packages() {
    packages | while read -r package program; do command -v "$program" >/dev/null || echo "$package"; done
}

require_root() { [ "$(id -u)" = 0 ] || die 4 "a test cluster needs root, you are $(id -un)"; }

# The packages' scripts would start daemons and enable them at boot. invoke-rc.d and deb-systemd-invoke both ask policy-rc.d
# first, so ours says no while apt runs; whatever was there before is put back, also after a failure.
POLICY=/usr/sbin/policy-rc.d
forbid_services() {
    # A copy that an interrupted install left behind is the true one: keep it.
    if [ -e $POLICY ] && [ ! -e $POLICY.before-testcluster ]; then mv $POLICY $POLICY.before-testcluster; fi
    trap allow_services EXIT
    printf '#!/bin/sh\nexit 101\n' >$POLICY
    chmod 755 $POLICY
}
allow_services() {
    rm -f $POLICY
    if [ -e $POLICY.before-testcluster ]; then mv $POLICY.before-testcluster $POLICY; fi
    trap - EXIT
}

install_packages() {
    local missing package unit
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} = 0 ]; then say "all programs are there"; return; fi
    require_root
    command -v apt-get >/dev/null || die 4 "${missing[*]}: missing, and only Debian's and Ubuntu's apt-get is known here"
    # A SLURM that did not come from packages is somebody's own: half of another version beside it would break both.
    if command -v slurmctld >/dev/null && ! dpkg -S "$(readlink -f "$(command -v slurmctld)")" >/dev/null 2>&1; then
        die 4 "$(command -v slurmctld) is no Debian package, and ${missing[*]} would be: not mixing them"
    fi
    say "installing ${missing[*]}"
    forbid_services
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
    "${apt[@]}" install --no-install-recommends "${missing[@]}" || {
        "${apt[@]}" update
        "${apt[@]}" install --no-install-recommends "${missing[@]}"
    } || die 4 "apt-get could not install ${missing[*]} (see above)"
    allow_services
    [ -z "$(missing_packages)" ] || die 4 "installed, and yet no program of $(missing_packages | tr '\n' ' ')"
    # Only units that came just now; a munge that was there before goes on as its owner wants it.
    if command -v systemctl >/dev/null; then
        for package in "${missing[@]}"; do
            for unit in munge slurmd slurmctld slurmdbd; do
                if [ "$unit" = "$package" ]; then systemctl disable --quiet "$unit" || say "$unit stays on at boot"; fi
            done
        done
    fi
}

# ---- processes: a file per daemon in FOLDER/pids, "PID START-TIME" -------------------------------

# Clock tick at which a process started: with the pid it names one process for ever, however often pids are used again.
# Fails for a process that is gone, and for a zombie that nobody has collected yet.
start_time() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    set -- ${stat##*) }   # the fields behind the name, which may hold blanks itself
    [ "$1" != Z ] && echo "${20}"
}

start() {   # NAME COMMAND…: a daemon of its own session, whose log is FOLDER/log/NAME.out
    local name=$1 pid; shift
    setsid "$@" >>"$FOLDER/log/$name.out" 2>&1 </dev/null &
    pid=$!
    disown $pid   # else bash reports its end
    echo "$pid $(start_time $pid)" >"$FOLDER/pids/$name"
}

running() {   # NAME: its pid, if it is the one we started
    local pid since
    [ -f "$FOLDER/pids/$1" ] && read -r pid since <"$FOLDER/pids/$1" || return 1
    [ "$(start_time "$pid")" = "$since" ] && echo "$pid"
}

# What runs on a node: its slurmd, the slurmstepd's it started, and their jobs. There are no cgroups to ask, and a step
# leaves the slurmd's process tree at once; but it keeps its node's log open, and a job's environment names both.
node_processes() {   # NODE
    local node=$1 fd conf=SLURM_CONF=$FOLDER/slurm.conf path pid
    running "slurmd-$node" || true
    for path in /proc/[0-9]*; do
        case $(readlink "$path/exe" || true) in
        */slurmstepd*)   # Debian calls it slurmstepd-wlm
            for fd in "$path"/fd/*; do
                if [ "$(readlink "$fd")" = "$FOLDER/log/slurmd-$node.log" ]; then echo "${path#/proc/}"; break; fi
            done ;;
        esac
    done 2>/dev/null
    grep -lzxF "SLURMD_NODENAME=$node" /proc/[0-9]*/environ 2>/dev/null | while read -r path; do
        if grep -qzxF "$conf" "$path" 2>/dev/null; then pid=${path#/proc/}; echo "${pid%/environ}"; fi
    done
}

descendants() {   # PIDs on stdin; them and their children's children on stdout
    awk '
        function walk(pid,   n, i, list) {
            if (pid in seen) return
            seen[pid]; print pid
            n = split(children[pid], list, " ")
            for (i = 1; i <= n; i++) walk(list[i])
        }
        FNR == NR { children[$2] = children[$2] " " $1; next }
        { walk($1) }' <(ps -e -o pid=,ppid=) -
}

kill_node_processes() {   # NODE: all at once, as a node dies. Whoever outlived the others could still tell SLURM of their end
    local pids found=
    for _ in $(seq 20); do   # a tree at work forks; one that is stopped does not
        mapfile -t pids < <(node_processes "$1" | descendants)
        if [ "${pids[*]}" = "$found" ]; then break; fi
        found=${pids[*]}
        kill -STOP "${pids[@]}" 2>/dev/null || true
    done
    for _ in $(seq 20); do
        mapfile -t pids < <(node_processes "$1" | descendants)
        if [ ${#pids[@]} = 0 ]; then rm -f "$FOLDER/pids/slurmd-$1"; return; fi
        kill -KILL "${pids[@]}" 2>/dev/null || true
        sleep 0.05
    done
    die 1 "processes of node $1 outlive SIGKILL: ${pids[*]}"
}

# ---- the cluster ---------------------------------------------------------------------------------

free_ports() {   # N: this many neighbouring ports that nobody listens on, below the range that the kernel hands out
    local base port taken
    taken=$(awk '{ sub(".*:", "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)   # hexadecimal
    for _ in $(seq 50); do
        base=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        for port in $(seq $base $((base + $1 - 1))); do
            if grep -qx "$(printf %04X "$port")" <<<"$taken"; then continue 2; fi
        done
        seq $base $((base + $1 - 1))
        return
    done
    die 1 "no $1 free ports in a row"
}

# Told not to listen on all addresses, SLURM's daemons take that of the machine's own name, and their clients have to be told
# the same one. 127.0.1.1, Debian's, does not do for slurmd and srun: they call each other back at 127.0.0.1.
address_of() { getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }'; }

write_configuration() {
    local host address ports node
    host=$(hostname -s)
    address=$(address_of "$(hostname)") || true
    local confined=NoInAddrAny,NoCtldInAddrAny
    case $address in
    127.0.0.1) ;;
    127.*) confined=NoCtldInAddrAny; say "slurmd listens on all addresses, guarded by MUNGE's key: $(hostname) is $address" ;;
    "") die 4 "this machine's name has no address: add '127.0.0.1 $(hostname)' to /etc/hosts" ;;
    *) say "listening on $address, guarded by MUNGE's key: $(hostname) is no name for loopback" ;;
    esac
    mapfile -t ports < <(free_ports 4)
    # slurmdbd looks for its file beside SLURM_CONF, and insists on 0600. StorageHost=localhost means a socket, see
    # MYSQL_UNIX_PORT below. NoInAddrAny is not in its manual, but it shares the code of the others, see below.
    (umask 077; cat >"$FOLDER/slurmdbd.conf" <<END
DbdHost=$host
DbdAddr=$address
DbdPort=${ports[0]}
CommunicationParameters=NoInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/run/munge.sock
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
LogFile=$FOLDER/log/slurmdbd.log
PidFile=$FOLDER/run/slurmdbd.pid
END
    )
    # cred_expire also rules how long a requeued job waits: SLURM's two minutes would be most of a test's time.
    # AccountingStoragePass: no password, but how clients of slurmdbd learn of another MUNGE socket.
    # linuxproc and task/none: no cgroups and no systemd, so that it runs in a container.
    # config_overrides: the nodes have what is written here, whatever the machine has.
    # NoInAddrAny, NoCtldInAddrAny: not on all addresses, see address_of.
    cat >"$FOLDER/slurm.conf" <<END
ClusterName=testcluster
SlurmctldHost=$host($address)
SlurmctldPort=${ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/run/munge.sock,cred_expire=${TESTCLUSTER_REQUEUE_DELAY:-5}
CommunicationParameters=$confined
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool-%n
SlurmctldPidFile=$FOLDER/run/slurmctld.pid
SlurmdPidFile=$FOLDER/run/slurmd-%n.pid
SlurmctldLogFile=$FOLDER/log/slurmctld.log
SlurmdLogFile=$FOLDER/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
MaxArraySize=${TESTCLUSTER_MAX_ARRAY_SIZE:-9}
KillWait=${TESTCLUSTER_KILL_WAIT:-30}
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
${TESTCLUSTER_USER_SIGNAL:+SlurmctldParameters=preempt_send_user_signal}
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$address
AccountingStoragePort=${ports[0]}
AccountingStoragePass=$FOLDER/run/munge.sock
AccountingStorageTRES=gres/gpu
${TESTCLUSTER_ENFORCE:+AccountingStorageEnforce=$TESTCLUSTER_ENFORCE}
JobAcctGatherType=jobacct_gather/linux
NodeName=n1 NodeHostname=$host NodeAddr=$address Port=${ports[2]} CPUs=8 RealMemory=16000 Gres=gpu:2
NodeName=n2 NodeHostname=$host NodeAddr=$address Port=${ports[3]} CPUs=8 RealMemory=16000 Gres=gpu:2
PartitionName=learn Nodes=n1,n2 Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime=${TESTCLUSTER_GRACE:-0}
PartitionName=cancelled Nodes=n1,n2 MaxTime=INFINITE PriorityTier=1 PreemptMode=CANCEL GraceTime=${TESTCLUSTER_GRACE:-0}
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
END
    # SLURM wants a character device, never opens it, and takes the GPU's number from the name: links to /dev/null do.
    for node in "${NODES[@]}"; do
        mkdir -p "$FOLDER/dev-$node"
        ln -sf /dev/null "$FOLDER/dev-$node/gpu0"
        ln -sf /dev/null "$FOLDER/dev-$node/gpu1"
        echo "NodeName=$node Name=gpu File=$FOLDER/dev-$node/gpu[0-1]"
    done >"$FOLDER/gres.conf"
}

wait_for() {   # WHAT COMMAND…: until it succeeds; the logs' last lines if it does not
    local what=$1; shift
    local end=$((SECONDS + 30))
    while [ $SECONDS -lt $end ]; do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "testcluster: $what does not come up; the logs' last lines:" >&2
    tail -n 8 "$FOLDER"/log/* >&2
    exit 1
}

both_idle() { [ "$(timeout 10 sinfo -h -N -p learn -o %T | sort | uniq -c | tr -s ' ')" = " 2 idle" ]; }
usable() { timeout 10 sinfo -h -N -p learn -n "$1" -o %T | grep -Eqx 'idle|mixed|allocated|completing|planned'; }
registered() {   # slurmctld has told slurmdbd of itself, and sacct answers
    timeout 10 sacctmgr -n -P show cluster testcluster format=ControlPort | grep -q '[1-9]' && timeout 10 sacct -n -X
}

start_node() { start "slurmd-$1" slurmd -D -N "$1" -f "$SLURM_CONF"; }

bring_up() {   # [OWNER]
    local owner=${1:-}
    require_root
    # Sockets have at most 107 characters in their path, and slurmd's are the longest.
    [ ${#FOLDER} -le 70 ] || die 2 "the folder's path has ${#FOLDER} characters, at most 70 work: $FOLDER"
    [ -z "$owner" ] || start_time "$owner" >/dev/null || die 2 "--owner $owner: there is no such process"
    if [ -d "$FOLDER/pids" ]; then
        if is_up; then say "already up in $FOLDER"; print_env; return; fi
        bring_down >/dev/null   # what an earlier one left
    elif [ -d "$FOLDER" ] && [ -n "$(ls -A "$FOLDER")" ]; then
        die 2 "$FOLDER holds other things; give a new or empty folder"
    fi
    if [ -n "$(missing_packages)" ]; then install_packages; fi

    trap 'bring_down >&2' EXIT   # half a cluster is of no use
    local parts=(state spool-n1 spool-n2 log mysql mysql-tmp run)
    mkdir -p "$FOLDER"
    (cd "$FOLDER" && chmod 755 . && rm -rf "${parts[@]}" && mkdir -p pids "${parts[@]}")
    write_configuration
    if [ -n "$owner" ]; then start watchdog "$SELF" watch "$FOLDER" "$owner" "$(start_time "$owner")"; fi

    # --force: it dislikes a folder such as /tmp above its files; they are readable to root alone.
    (umask 077; head -c 1024 /dev/urandom >"$FOLDER/run/munge.key")
    start munged munged --foreground --force --num-threads=2 --socket="$FOLDER/run/munge.sock" \
        --key-file="$FOLDER/run/munge.key" --pid-file="$FOLDER/run/munged.pid" --seed-file="$FOLDER/run/munge.seed"

    # No network port and nothing that makes data safe: it lives for minutes. Temporary tables in a folder of its own: when
    # a MariaDB starts it removes what it finds in that folder, be it another one's that is at work.
    local mariadb=(--no-defaults --user=root --datadir="$FOLDER/mysql" --tmpdir="$FOLDER/mysql-tmp"
        --innodb-buffer-pool-size=16M --innodb-log-file-size=8M
        --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF --innodb-flush-method=nosync)
    mariadb-install-db "${mariadb[@]}" --auth-root-authentication-method=normal --skip-test-db \
        >"$FOLDER/log/mariadb-install.out" 2>&1 || { tail -n 20 "$FOLDER/log/mariadb-install.out" >&2; exit 1; }
    start mariadbd mariadbd "${mariadb[@]}" --skip-networking --socket="$FOLDER/run/my.sock" --pid-file="$FOLDER/run/my.pid"
    wait_for MariaDB mariadb --no-defaults --socket="$FOLDER/run/my.sock" --execute="select 1"

    # The one way to tell slurmdbd of a database socket is libmariadb's own variable.
    start slurmdbd env MYSQL_UNIX_PORT="$FOLDER/run/my.sock" slurmdbd -D
    wait_for slurmdbd timeout 10 sacctmgr -n show cluster
    sacctmgr -Q -i add cluster testcluster >/dev/null
    sacctmgr -Q -i add account tests >/dev/null
    sacctmgr -Q -i add user root account=tests >/dev/null   # for TESTCLUSTER_ENFORCE=limits
    start slurmctld slurmctld -D -f "$SLURM_CONF"
    for node in "${NODES[@]}"; do start_node "$node"; done
    wait_for "the nodes" both_idle
    wait_for accounting registered
    trap - EXIT
    say "up in $FOLDER: $(sinfo -h -N -p learn -o '%N %G' | tr '\n' ' ')"
    print_env
}

print_env() { printf 'export SLURM_CONF=%q\n' "$SLURM_CONF"; }

names() { (cd "$FOLDER/pids" 2>/dev/null && ls) || true; }
is_up() {
    local name
    for name in munged mariadbd slurmdbd slurmctld slurmd-n1 slurmd-n2; do running $name >/dev/null || return 1; done
}

bring_down() {
    local name node pid ended=0
    for node in "${NODES[@]}"; do kill_node_processes "$node"; done
    for name in $(names); do
        # The watchdog may be the one who runs this.
        if pid=$(running "$name") && [ "$pid" != $$ ]; then
            # Each is the leader of a group of its own (setsid): its helpers go with it.
            kill -KILL -- "-$pid" 2>/dev/null || true
            for _ in $(seq 100); do running "$name" >/dev/null || break; sleep 0.05; done
            if running "$name" >/dev/null; then die 1 "$name (process $pid) outlives SIGKILL"; fi
            ended=$((ended + 1))
        fi
        rm -f "$FOLDER/pids/$name"
    done
    say "down in $FOLDER ($ended daemons ended)"
}

print_status() {
    local name pid
    for name in $(names); do
        if pid=$(running "$name"); then echo "$name: process $pid"; else echo "$name: ended"; fi
    done
    if ! is_up; then say "not up in $FOLDER"; exit 3; fi
    sinfo -N -p learn -o '%N %T %G'
    squeue
}

# ---- one run of this script ----------------------------------------------------------------------

usage() { sed -n '4,10s/^# *//p' "$SELF" >&2; exit 2; }

verb=${1:-}
if [ "$verb" = install ]; then install_packages; exit; fi
[ $# -ge 2 ] || usage
FOLDER=$(realpath -m "$2")
export SLURM_CONF=$FOLDER/slurm.conf
shift 2

node_of() { [ "${1:-}" = n1 ] || [ "${1:-}" = n2 ] || die 2 "no node '${1:-}': there are ${NODES[*]}"; }
must_be_there() { [ -d "$FOLDER/pids" ] || die 3 "no cluster in $FOLDER (testcluster.sh up $FOLDER)"; }

case $verb in
up)
    case ${1:-} in "") bring_up ;; --owner) bring_up "${2:?needs a process id}" ;; *) usage ;; esac ;;
down) if [ -d "$FOLDER/pids" ]; then bring_down; else say "nothing is up in $FOLDER"; fi ;;
status) must_be_there; print_status ;;
env) must_be_there; print_env ;;
kill-node)
    must_be_there; node_of "${1:-}"
    kill_node_processes "$1"
    # Without this SLURM would take SlurmdTimeout (five minutes) to see it. Again if need be: an answer that the dead
    # slurmd had under way calls its node back to service, and jobs would be sent to nobody.
    for _ in $(seq 10); do
        scontrol update nodename="$1" state=down reason="killed by a test"
        sleep 0.5
        if [[ $(sinfo -h -N -p learn -n "$1" -o %T) = down* ]]; then break; fi
    done
    say "node $1 is dead" ;;
revive-node)
    must_be_there; node_of "${1:-}"
    # A node whose slurmd registers is up again by itself (ReturnToService=2); "resume" would call it up too early.
    if ! running "slurmd-$1" >/dev/null; then
        start_node "$1"
    elif ! usable "$1"; then
        scontrol update nodename="$1" state=resume
    fi
    wait_for "node $1" usable "$1"
    say "node $1 is back" ;;
watch)   # internal: FOLDER OWNER START-TIME
    while [ "$(start_time "$1")" = "$2" ]; do sleep 1; done
    say "its owner, process $1, is gone"
    bring_down ;;
*) usage ;;
esac
