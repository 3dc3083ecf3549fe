# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Running a plan: one machine per shard, as many at a time as there are processors for, results in a stable order.

# What a shard's guest is given, and its disks: functions, which ./vex fstests has its own of.
T_SHARD_JOB=write_shard_job T_SHARD_DISKS=shard_disks T_AGAIN_S=10

data_dir() {
	local d=${VEXFS_DATA:-$VEX_ROOT/../shared/data}
	if [[ -d $d ]]; then readlink -f "$d"; fi
}

# write_shard_job SHARD DIR KERNEL: DIR/job; the payload's entries on stdout.
write_shard_job() {
	local shard=$1 dir=$2 kernel=$3 name path limit data=''
	{
		job_base "$kernel"
		printf 'kind tests\n'
		while IFS='|' read -r _ _ _ _ name path limit _; do
			printf 'test %s %s /vex/tests/%s\n' "$name" "$limit" "${name%@*}"
		done <"$shard"
	} >"$dir/job"
	# Repetitions (NAME@2) are one file.
	awk -F'|' '{ sub(/@[0-9]+$/, "", $5); if (!seen[$5]++) print "file /vex/tests/" $5 " 0755 " $6 }' "$shard"
	for path in "$T_TESTS"/*; do
		# Libraries and data files that tests look for beside themselves.
		[[ -f $path && $path != *.c ]] || continue
		name=$(basename "$path")
		grep -q 'needs:' "$path" || printf 'file /vex/tests/%s 0755 %s\n' "$name" "$path"
	done
	if cut -d'|' -f9 "$shard" | grep -qw data; then data=$(data_dir); fi
	if [[ -n $data ]]; then
		printf 'tree /vex/data %s\n' "$data"
		printf 'env VEX_DATA=/vex/data\n' >>"$dir/job"
	fi
	if shard_wants_root "$shard"; then debroot_payload; fi
	payload_base "$kernel"
}

# After a guest that died: what had not started yet gets a guest of its own.
not_started() {
	local shard=$1 tap=$2 started
	started=$(sed -n 's/^# vex: start \([^ ]*\) .*/\1/p' "$tap")
	[[ -n $started ]] || return 0
	awk -F'|' -v s="$started" 'BEGIN { n = split(s, a, "\n"); for (i = 1; i <= n; i++) seen[a[i]] = 1 }
		!($5 in seen)' "$shard"
}

# Whether a test of DIR is why its run ended with RC: it did not end itself, it failed, or the kernel complained in it. A
# test that failed does not explain a lost machine, and one that timed out no guest that hangs behind it.
failure_explained() {
	[[ -z $(result_field "$1" running) ]] || return 0
	case $2 in
	"$EX_FAILED") grep -q '^not ok ' "$1/tap.log" ;;
	"$EX_PANIC") failed_with '# (kernel|kmemleak)' "$1/tap.log" ;;
	"$EX_HANG")
		[[ $(result_field "$1" message) =~ (tests\ timed\ out|hangs\ in\ the\ kernel)$ ]] &&
			failed_with '(timed out after|a task hangs|blocked for more than)' "$1/tap.log"
		;;
	*) false ;;
	esac
}

# Whether a test failed in FILE and what is said about it has PATTERN.
failed_with() {
	awk -v want="$1" '/^not ok / && said { found = 1 } /^(not )?ok / { said = 0 } $0 ~ want { said = 1 }
		END { exit !found }' "$2"
}

# A run that failed as a whole (a leak found at the end, a module that stays, a lost machine) is a failure with a name,
# even when every test passed.
note_run_failure() {
	local dir=$1 rc=$2 last
	if ((rc == 0 || rc == EX_INT)); then return; fi
	# What the last oracles said stands behind the last result.
	last=$(awk '/^(not )?ok / { l = "" } /^# (kernel|kmemleak|cannot unload)/ { if (l == "") l = $0 } END { print l }' "$dir/tap.log")
	if [[ -z $last ]]; then
		if failure_explained "$dir" "$rc"; then return; fi
		last="# $(cause_of "$rc"): $(result_field "$dir" message)"
	fi
	printf '# vex: start end-of-run.%s\n%s\nnot ok 0 end-of-run.%s\n' "${dir##*/}" "$last" "${dir##*/}" >>"$dir/tap.log"
}

# What ended the guest belongs to the test that ran then: one that was expected to panic is not excused for a hang.
note_guest_end() {
	local dir=$1 rc=$2 what
	[[ -n $(result_field "$dir" running) ]] || return 0
	case $rc in
	"$EX_PANIC") what=kernel ;;
	"$EX_HANG") what='the guest hung' ;;
	*) return 0 ;;
	esac
	printf '# %s: %s\n' "$what" "$(result_field "$dir" message)" >>"$dir/tap.log"
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
		wait $! 2>/dev/null || true
		touch "$dir/tap.log"
		if [[ $rc != "$EX_ENV" || -n $again ]] || grep -q '^# vex: start' "$dir/tap.log"; then break; fi
		warn "${dir##*/} could not be started ($(result_field "$dir" message)): once more in $T_AGAIN_S s"
		sleep "$T_AGAIN_S"	# what took the memory or the room may be done with it
	done
	rm -f "$dir/entries"
	return "$rc"
}

# run_shard SHARD DIR: runs in a process of its own; DIR/rc is the launcher's exit code, DIR/tap.log what was said.
run_shard() {
	local shard=$1 dir=$2 rc=0 kernel cpus lane mem limits slow
	mkdir -p "$dir"
	IFS='|' read -r kernel cpus lane _ <"$shard"
	mem=$(cut -d'|' -f4 "$shard" | sort -n | tail -n1)
	printf '%s\n' "$kernel" >"$dir/kernel"
	"$T_SHARD_JOB" "$shard" "$dir" "$kernel" >"$dir/entries"
	mapfile -t VM_DISKS < <("$T_SHARD_DISKS" "$shard")
	if ((${#VM_DISKS[@]} > 4)); then
		die "$EX_ENV" "the tests of one boot want more than 4 different disks (${VM_DISKS[*]}): share names"
	fi
	limits=$(awk -F'|' '{ s += $7 } END { print s }' "$shard")
	slow=$(kernel_slowness "$kernel")
	local accel=$VM_ACCEL
	if kernel_has "$kernel" uml; then accel=auto; fi
	VM_LANE=$lane VM_MEMORY=$mem VM_CPUS=$cpus VM_ACCEL=$accel shard_start "$dir" "$kernel" \
		--timeout "$((limits + 120 * slow / 100))" --idle "$((30 * slow / 100))" || rc=$?
	note_run_failure "$dir" "$rc"
	note_guest_end "$dir" "$rc"
	if ((rc == EX_PANIC || rc == EX_HANG || rc == EX_LOST)); then
		not_started "$shard" "$dir/tap.log" >"$shard.again"
		if [[ -s $shard.again ]]; then
			{ grep -vxFf <(cut -d'|' -f5 "$shard.again" | sed 's/^/# vex: plan /') "$dir/tap.log" || true; } >"$dir/tap.new"
			mv "$dir/tap.new" "$dir/tap.log"
			printf '%s\n' "$rc" >"$dir/rc"
			run_shard "$shard.again" "$dir.again"
			return
		fi
	fi
	printf '%s\n' "$rc" >"$dir/rc"
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
		wait "$pid" 2>/dev/null || true
		POOL_FREE=$((POOL_FREE + POOL_COST[$pid]))
		POOL_DONE+=("${POOL_NAME[$pid]}")
		unset "POOL_COST[$pid]" "POOL_NAME[$pid]"
	done
}

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

# shards_state DIR TOTAL: "12 of 29 tests, 1 failed; running: 6.1/search 6.12/fsx"
shards_state() {
	local dir=$1 total=$2 n bad=0 running='' pid shard tap
	n=$(cat "$dir"/shard*.d*/tap.log 2>/dev/null | grep -cE '^(not )?ok ') || true
	bad=$(cat "$dir"/shard*.d*/tap.log 2>/dev/null | grep -c '^not ok ') || true
	for pid in "${!POOL_NAME[@]}"; do
		shard=${POOL_NAME[$pid]}
		tap=$dir/$shard.d/tap.log
		[[ -f $tap ]] || { running+=" $(head -n1 "$dir/$shard" | cut -d'|' -f1)/start"; continue; }
		[[ ! -f $dir/$shard.d.again/tap.log ]] || tap=$dir/$shard.d.again/tap.log
		running+=" $(head -n1 "$dir/$shard" | cut -d'|' -f1)/$(sed -n 's/^# vex: start \([^ ]*\) .*/\1/p' "$tap" | tail -n1)"
	done
	printf '%d of %d tests, %d failed; running:%s' "$n" "$total" "$bad" "$running"
}

# run_shards DIR: all of DIR/shard1..N. With T_UNTIL_FAIL no new one starts after a failure.
run_shards() {
	local dir=$1 queue=() i cost total failed=0
	total=$(wc -l <"$dir/plan")
	for ((i = 1; i <= T_SHARDS; i++)); do queue+=("shard$i"); done
	SHARDS_STARTED=()
	pool_init "$T_JOBS"
	while ((${#queue[@]} || ${#POOL_COST[@]})); do
		if ((POOL_STOP)); then
			progress_end
			pool_stop
			return "$EX_INT"
		fi
		for i in "${!queue[@]}"; do
			cost=$(head -n1 "$dir/${queue[i]}" | cut -d'|' -f2)
			# A machine larger than the host runs alone.
			if ((cost > T_JOBS)); then cost=$T_JOBS; fi
			((cost <= POOL_FREE)) || continue
			pool_start "${queue[i]}" "$cost" run_shard "$dir/${queue[i]}" "$dir/${queue[i]}.d"
			SHARDS_STARTED+=("${queue[i]}")
			unset "queue[i]"
		done
		sleep 0.2
		pool_reap
		if ((T_UNTIL_FAIL && ${#POOL_DONE[@]} && failed == 0)) &&
			grep -qsE '^not ok |^# vex: start' <(shard_failures "$dir" "${POOL_DONE[@]}"); then
			failed=1 queue=()
		fi
		progress "$(shards_state "$dir" "$total")"
	done
	progress_end
	trap - INT TERM HUP
}

# shard_failures DIR SHARD...: the failed lines of shards that ended, a machine that died included.
shard_failures() {
	local dir=$1 s f
	shift
	for s in "$@"; do
		for f in "$dir/$s".d*/; do
			grep -h '^not ok ' "$f/tap.log" || true
			[[ $(cat "$f/rc" 2>/dev/null) == 0 ]] || echo "not ok 0 $s"
		done
	done
}
