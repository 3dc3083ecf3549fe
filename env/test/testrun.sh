# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# POOL_STOP is testhost.sh's
#
# What vextest run (env/test/run.c) is told of the guests of a plan, and the pool of the environment's own tests.

data_dir() {
	local d=${VEXFS_DATA:-$VEX_ROOT/../shared/data}
	if [[ -d $d ]]; then readlink -f "$d"; fi
}

# machine_write DIR KERNEL: DIR/KERNEL, what every guest of that kernel has; struct run in env/test/test.h describes it.
machine_write() {
	local dir=$1/$2 kernel=$2 VM_ACCEL=$VM_ACCEL
	mkdir -p "$dir"
	if kernel_has "$kernel" uml; then VM_ACCEL=auto; fi
	# Run directory, payload and the machine's size are said anew for each guest, of which vextest makes the records.
	REPORT_FILE='' VM_EXEC=list vm_start "$dir" "$kernel" >"$dir/argv"
	job_base "$kernel" >"$dir/job"
	payload_base "$kernel" >"$dir/payload"
}

# run_guests DIR OPTION...: the guests of the plan in DIR, with more options of vextest run. $EX_INT: interrupted.
run_guests() {
	local dir=$1 rc=0 pid args=()
	shift
	if [[ $T_SHOW == tap ]]; then args+=(--tap); fi
	if ((T_UNTIL_FAIL)); then args+=(--until-fail); fi
	if [[ -n ${REPORT_FILE:-} ]]; then args+=(--records "$REPORT_FILE"); fi
	if [[ -n ${DEBROOT_IMAGE:-} ]]; then args+=(--root "$DEBROOT_IMAGE" --root-script "$DEBROOT_HERE/guest.sh"); fi
	{
		trap - INT QUIT
		exec "$VEX_BUILD/env/vextest" run --dir "$dir" --machines "$T_DIR/machines" --jobs "$T_JOBS" \
			--known "$T_DIR/known" "${args[@]}" "$@" -- bash "$VEX_ROOT/env/debug/guest-trace.sh" "${MODULE[file]}"
	} </dev/null &
	pid=$!
	# It ends the guests and notes what became of them.
	trap 'kill -TERM "$pid" 2>/dev/null || :' INT TERM HUP
	while :; do
		rc=0
		wait "$pid" || rc=$?
		kill -0 "$pid" 2>/dev/null || break
	done
	trap - INT TERM HUP
	return "$rc"
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
