# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# T_* are the command's
#
# What has become of a run: its exit code by its gravest part, its times for the next plan, its reports and last line.

T_WORST=0 T_INTERRUPTED=0

# A run's exit code is that of its gravest part: a panic is more than a failed test.
worse() {
	local order=(0 1 7 5 4 3 6 130) c a=0 b=0 i
	for i in "${!order[@]}"; do
		c=${order[i]}
		if ((c == $1)); then a=$i; fi
		if ((c == T_WORST)); then b=$i; fi
	done
	if ((a > b)); then T_WORST=$1; fi
}

# shards_judge DIR: the exit code of the gravest guest.
shards_judge() {
	local rc=0
	"$VEX_BUILD/env/vextest" judge --known "$T_DIR/known" "$1" || rc=$?
	worse "$rc"
}

summary() {
	local passed failed skipped
	report_add known "$T_DIR/known"
	report_tests "${T_FILES[@]}"
	"$VEX_BUILD/env/vexreport" "${T_FILES[@]}" --known "$T_DIR/known" --junit "$T_DIR/junit.xml" --list "$T_DIR/results" >"$T_DIR/numbers"
	read -r passed failed skipped <"$T_DIR/numbers"
	if ((failed)); then worse 1; fi
	if ((passed + failed == 0)); then
		worse "$EX_NOTHING"
		warn "nothing ran: no test matches"
	fi
	if ((T_INTERRUPTED)); then
		worse "$EX_INT"
		warn "interrupted: all guests ended; what had finished is counted below"
	fi
	note "logs: ${T_DIR#"$VEX_ROOT"/}"
	printf '%d passed, %d failed' "$passed" "$failed"
	if ((skipped)); then printf ', %d skipped' "$skipped"; fi
	printf '\n'
}

# How guests run here decides how many processors each gets.
test_accel() {
	local k=${T_KERNELS[0]} probe
	probe=$("$VEX_BUILD/env/vexvm" --probe --kernel "$(kernel_dir "$k")/vmlinuz" --initrd "$(initramfs_path "$k")" \
		--payload /dev/null --rundir "$T_DIR" --cache "$VEX_CACHE" --arch "$(kernel_arch "$k")" --accel "$VM_ACCEL") || exit
	T_CPUS=1 T_HOW="single-processor guests under emulation"
	if [[ $probe == accel=kvm* ]]; then T_CPUS=2 T_HOW="KVM"; fi
	if [[ -n $VM_CPUS ]]; then T_HOW="$VM_CPUS processors each"; fi
}
