# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Running a plan: one machine per shard, as many at a time as there are processors for. A guest's log is the guest's:
# what became of a run is in the files beside it, "result" of the launcher and "rc", and vextest judges by them.

T_AGAIN_S=10

data_dir() {
	local d=${VEXFS_DATA:-$VEX_ROOT/../shared/data}
	if [[ -d $d ]]; then readlink -f "$d"; fi
}

# shard_part PART SHARD: what vextest says of a shard: its machine, disks, job or files.
shard_part() { "$VEX_BUILD/env/vextest" shard "$@"; }

# write_shard_job SHARD DIR KERNEL ROOT DATA: DIR/job; the payload's entries on stdout. ROOT and DATA: - for none.
write_shard_job() {
	local shard=$1 dir=$2 kernel=$3 root=$4 data='' path
	{ job_base "$kernel"; printf 'kind tests\n'; shard_part job "$shard"; } >"$dir/job"
	shard_part files "$shard"
	for path in "$T_TESTS"/*; do
		# Libraries and data files that tests look for beside themselves.
		[[ -f $path && $path != *.c ]] || continue
		grep -q 'needs:' "$path" || printf 'file /vex/tests/%s 0755 %s\n' "${path##*/}" "$path"
	done
	if [[ $5 == data ]]; then data=$(data_dir); fi
	if [[ -n $data ]]; then
		printf 'tree /vex/data %s\n' "$data"
		printf 'env VEX_DATA=/vex/data\n' >>"$dir/job"
	fi
	if [[ $root != - ]]; then debroot_payload; fi
	payload_base "$kernel"
}

# shard_disks SHARD ROOT: every name any test wants, at the largest size wanted.
shard_disks() {
	if [[ $2 != - ]]; then printf 'root=%s:ro,format=raw\n' "$DEBROOT_IMAGE"; fi
	shard_part disks "$1"
}

# shard_start DIR KERNEL VEXVM-OPTION...: a machine that could not be started (no memory, no room at that moment) is
# started once more: no test has begun, and the shard would lose all of them. The first attempt's reason is said.
shard_start() {
	local dir=$1 kernel=$2 rc again
	for again in '' 1; do
		rc=0
		payload_write "$dir" <"$dir/entries"
		# No pipe: its side of the shell would die of the signal that the launcher is to handle.
		vm_start "$@" --show "${T_SHOW/results/none}" 2>>"$dir/launcher.log" > >(sed -u "s/^/$kernel| /") || rc=$?
		# The sed, so that its lines come before ours; it shows what tap.log has anyway.
		wait $! 2>/dev/null || true
		touch "$dir/tap.log"
		if [[ $rc != "$EX_ENV" || -n $again ]] || grep -q '^# vex: start' "$dir/tap.log"; then break; fi
		warn "${dir##*/} could not be started ($(result_field "$dir" message)): once more in $T_AGAIN_S s"
		sleep "$T_AGAIN_S"	# what took the memory or the room may be done with it
	done
	rm -f "$dir/entries"
	return "$rc"
}

# run_shard SHARD DIR [JOB]: runs in a process of its own; DIR/rc is the launcher's exit code. JOB: what writes the job,
# for tests of another kind.
run_shard() {
	local shard=$1 dir=$2 job=${3:-write_shard_job} rc=0 kernel cpus lane mem timeout idle root data disks machine
	local accel=$VM_ACCEL
	mkdir -p "$dir"
	machine=$(shard_part machine "$shard") || return
	read -r kernel cpus lane mem timeout idle root data <<<"$machine"
	printf '%s\n' "$kernel" >"$dir/kernel"
	"$job" "$shard" "$dir" "$kernel" "$root" "$data" >"$dir/entries"
	disks=$(shard_disks "$shard" "$root") || return
	# shellcheck disable=SC2034	# for vm_start
	mapfile -t VM_DISKS < <(printf '%s' "${disks:+$disks$'\n'}")
	if kernel_has "$kernel" uml; then accel=auto; fi
	VM_LANE=$lane VM_MEMORY=$mem VM_CPUS=$cpus VM_ACCEL=$accel shard_start "$dir" "$kernel" \
		--timeout "$timeout" --idle "$idle" || rc=$?
	printf '%s\n' "$rc" >"$dir/rc"
	# After a guest that died: what had not started yet gets a guest of its own.
	if ((rc == EX_PANIC || rc == EX_HANG || rc == EX_LOST)) &&
		"$VEX_BUILD/env/vextest" again "$shard" "$dir/tap.log" "$shard.again"; then
		run_shard "$shard.again" "$dir.again" "$job"
	fi
}

# ---- several at a time ---------------------------------------------------------------------------

# default_jobs: one machine per processor, and no more than memory carries.
default_jobs() {
	local n free
	n=$(nproc)
	free=$(awk '/^MemAvailable:/ { print int($2 / 1024 / 1300) }' /proc/meminfo)
	if ((free < n)); then n=$free; fi
	printf '%d' "$((n > 0 ? n : 1))"
}

# The jobs of one pool: pid -> what it costs, pid -> its name.
declare -A POOL_COST=() POOL_NAME=()
POOL_FREE=0 POOL_STOP=0

pool_init() {
	POOL_FREE=$1 POOL_STOP=0 POOL_COST=() POOL_NAME=()
	PROGRESS_NEXT=$((SECONDS + 30)) PROGRESS_START=$SECONDS
	trap 'POOL_STOP=1' INT TERM HUP
}

# pool_start NAME COST CMD...: in a process group of its own, so that an interrupt is ours to pass on.
pool_start() {
	local name=$1 cost=$2
	shift 2
	set -m
	{
		# The launcher below gets the signal too and cleans up; wait for it.
		trap : INT TERM HUP
		"$@"
	} </dev/null &
	set +m
	POOL_COST[$!]=$cost POOL_NAME[$!]=$name
	POOL_FREE=$((POOL_FREE - cost))
}

pool_stop() {
	local pid
	# Some have ended by themselves; what they left is judged by their files.
	for pid in "${!POOL_COST[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
	for pid in "${!POOL_COST[@]}"; do wait "$pid" 2>/dev/null || true; done
	POOL_COST=() POOL_NAME=()
}

# pool_reap: sets POOL_DONE to the names of those that ended.
pool_reap() {
	local pid
	POOL_DONE=()
	for pid in "${!POOL_COST[@]}"; do
		if kill -0 "$pid" 2>/dev/null; then continue; fi
		# Its verdict is in its file "rc"; one that left none is a broken environment (vextest judge).
		wait "$pid" 2>/dev/null || true
		POOL_FREE=$((POOL_FREE + POOL_COST[$pid]))
		POOL_DONE+=("${POOL_NAME[$pid]}")
		unset "POOL_COST[$pid]" "POOL_NAME[$pid]"
	done
}

progress_due() { [[ -t 2 ]] || ((SECONDS >= PROGRESS_NEXT)); }

# progress TEXT: one line, rewritten in place on a terminal, repeated every 30 s elsewhere.
progress() {
	if [[ -t 2 ]]; then
		printf '\r\e[K    [%d s] %.*s' "$((SECONDS - PROGRESS_START))" "$((${COLUMNS:-100} - 20))" "$1" >&2
	elif ((SECONDS >= PROGRESS_NEXT)); then
		note "[$((SECONDS - PROGRESS_START)) s] $1"
		PROGRESS_NEXT=$((SECONDS + 30))
	fi
}

progress_end() { if [[ -t 2 ]]; then printf '\r\e[K' >&2; fi; }

# run_shards DIR SHARDS TESTS [JOB]: all of DIR/shard1..N. With T_UNTIL_FAIL no new one starts after a failure.
run_shards() {
	local dir=$1 total=$3 job=${4:-write_shard_job} queue=() costs=() i cost
	for ((i = 1; i <= $2; i++)); do
		queue[i]=shard$i
		read -r _ cost _ < <(shard_part machine "$dir/shard$i")
		# A machine larger than the host runs alone.
		costs[i]=$((cost > T_JOBS ? T_JOBS : cost))
	done
	pool_init "$T_JOBS"
	while ((${#queue[@]} || ${#POOL_COST[@]})); do
		if ((POOL_STOP)); then
			progress_end
			pool_stop
			return "$EX_INT"
		fi
		for i in "${!queue[@]}"; do
			((costs[i] <= POOL_FREE)) || continue
			# The directory says that it started, whatever becomes of the process that fills it.
			mkdir -p "$dir/${queue[i]}.d"
			pool_start "${queue[i]}" "${costs[i]}" run_shard "$dir/${queue[i]}" "$dir/${queue[i]}.d" "$job"
			unset "queue[i]"
		done
		sleep 0.2
		pool_reap
		if ((T_UNTIL_FAIL && ${#POOL_DONE[@]})) &&
			! "$VEX_BUILD/env/vextest" judge --quiet "$dir" "${POOL_DONE[@]}"; then queue=(); fi
		if progress_due; then progress "$("$VEX_BUILD/env/vextest" state "$dir" "$total" "${POOL_NAME[@]}")"; fi
	done
	progress_end
	trap - INT TERM HUP
}
