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

# shards_judge DIR LIST: a launcher's exit code counts unless all that failed there was known to fail. A lost machine or
# a broken environment always counts: nobody foretells those. So does a shard without a code: its shell died.
shards_judge() {
	local dir=$1 list=$2 shard d
	for shard in "${SHARDS_STARTED[@]}"; do
		d=$dir/$shard.d shard=$dir/$shard
		while :; do
			shard_judge "$d" "$list"
			# What a dead guest had not started has a guest, and a code, of its own.
			[[ -s $shard.again ]] || break
			d+=.again shard+=.again
		done
	done
}

shard_judge() {
	local d=$1 list=$2 rc=''
	if [[ -r $d/rc ]]; then rc=$(<"$d/rc"); fi
	if [[ -z $rc ]]; then
		((T_INTERRUPTED)) || warn "${d##*/} ended without a result (a full disk? no memory?): see ${d#"$VEX_ROOT"/}"
		worse "$EX_ENV"
	elif ((rc == EX_LOST || rc == EX_ENV)); then
		warn "${d##*/}: $(cause_of "$rc"): $(result_field "$d" message)"
		worse "$rc"
	elif ((rc)) && { ! grep -q "^known .* $d/tap.log " "$list" || grep -q "^failed .* $d/tap.log " "$list"; }; then
		worse "$rc"
	fi
}

# What each test took, for the next plan.
times_keep() {
	local old=$VEX_BUILD/test-times
	touch "$old"
	awk '$1 == "passed" && NF == 5 && $2 > 0 { sub(/@.*/, "", $5); print $3, $5, $2 }' "$1" |
		cat - "$old" | awk '!seen[$1 " " $2]++' >"$old.new"
	mv "$old.new" "$old"
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
		--payload /dev/null --rundir "$T_DIR" --cache "$VEX_CACHE" --accel "$VM_ACCEL") || exit
	T_CPUS=1 T_HOW="single-processor guests under emulation"
	if [[ $probe == accel=kvm* ]]; then T_CPUS=2 T_HOW="KVM"; fi
	if [[ -n $VM_CPUS ]]; then T_HOW="$VM_CPUS processors each"; fi
}
