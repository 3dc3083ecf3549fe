# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What vextest (env/test) is told of a run: it runs the guests of the plan and the environment's own tests, and reports.

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

# run_words: what vextest run and finish are told of this run, one word a line.
run_words() {
	local k
	printf '%s\n' --dir "$T_DIR"
	for k in "${T_KERNELS[@]}"; do printf '%s\n' --kernel "$k $(kernel_traits "$k")"; done
	if [[ -n ${REPORT_FILE:-} ]]; then printf '%s\n' --records "$REPORT_FILE"; fi
}

# run_part COMMAND...: a part of the run; a signal ends it, and it notes what became of it. The code is in T_DIR/codes.
run_part() {
	local rc=0
	child "$@" || rc=$?
	printf '%d\n' "$rc" >>"$T_DIR/codes"
}

# run_guests OPTION...: the guests of the plan, with more options of vextest run, and their report.
run_guests() {
	local words
	mapfile -t words < <(run_words)
	if [[ $T_SHOW == tap ]]; then words+=(--tap); fi
	if [[ -n ${DEBROOT_IMAGE:-} ]]; then words+=(--root "$DEBROOT_IMAGE" --root-script "$DEBROOT_HERE/guest.sh"); fi
	run_part "$VEX_BUILD/env/vextest" run "${words[@]}" --jobs "$T_JOBS" --times "$VEX_BUILD/test-times" "$@" \
		-- bash "$VEX_ROOT/env/debug/decode-guest.sh" "${MODULE[file]}"
}

# run_interrupted: whether a part of the run was.
run_interrupted() { grep -qx "$EX_INT" "$T_DIR/codes" 2>/dev/null; }

# run_finish CAMPAIGN: the reports of the run, its last line, its line in the history, and its exit code; does not return.
run_finish() {
	local words rc=0
	mapfile -t words < <(run_words)
	"$VEX_BUILD/env/vextest" finish "${words[@]}" || rc=$?
	[[ ! -s $T_DIR/results ]] || history_add "$1" "$rc" --text "kernel=${T_KERNELS[*]}" --results "$T_DIR/results"
	exit "$rc"
}

# How guests run here: "PROCESSORS WORDS", for each guest. After test_kernels.
test_accel() {
	local k=${T_KERNELS[0]} probe
	probe=$("$VEX_BUILD/env/vexvm" --probe --kernel "$(kernel_dir "$k")/vmlinuz" --initrd "$(initramfs_path "$k")" \
		--payload /dev/null --rundir "$T_DIR" --cache "$VEX_CACHE" --arch "$(kernel_arch "$k")" --accel "$VM_ACCEL") || return
	if [[ -n $VM_CPUS ]]; then echo "$VM_CPUS $VM_CPUS processors each"
	elif [[ $probe == accel=kvm* ]]; then echo "2 KVM"
	else echo "1 single-processor guests under emulation"; fi
}

# default_jobs: one machine per processor, and no more than memory carries.
default_jobs() {
	local n free
	n=$(nproc)
	free=$(awk '/^MemAvailable:/ { print int($2 / 1024 / 1300) }' /proc/meminfo)
	if ((free < n)); then n=$free; fi
	printf '%d' "$((n > 0 ? n : 1))"
}
