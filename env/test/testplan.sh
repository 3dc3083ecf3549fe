# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# sets what testrun.sh and the command read
#
# Which kernels, and what vextest (env/test) is told of a run: it plans which guest tests run on them, and which share a
# machine.

# kernel_slowness NAME: in percent. Everything a checker slows down gets more time: KASAN and lockdep make emulated code
# several times slower.
kernel_slowness() {
	if kernel_has "$1" kasan; then printf 400; elif kernel_has "$1" lockdep; then printf 200; else printf 100; fi
}

# ---- choice of kernels ---------------------------------------------------------------------------

# test_kernels WORDS: sets T_KERNELS, and T_SLICE to those of them that get a slice of the tests only.
# Without --kernel: the kernels with trait "default" in full, and a slice on every other one that is here; the rest is
# in T_NOT_HERE. A kernel of another suite is never fetched for that: a machine without that suite tests the others.
test_kernels() {
	local k list
	T_KERNELS=() T_SLICE=' ' T_NOT_HERE=()
	if [[ -n $1 ]]; then
		list=$(kernel_parse "$1") || exit
	elif ((T_FULL)); then
		list=$(kernel_parse all) || exit
	else
		list=$(kernel_parse default) || exit
		for k in $(kernel_names); do
			if kernel_has "$k" default; then
				continue
			elif kernel_cached "$k"; then
				list+=$'\n'$k T_SLICE+="$k "
			else
				T_NOT_HERE+=("$k")
			fi
		done
	fi
	mapfile -t T_KERNELS <<<"$list"
	# Emulated in full by another QEMU, and cross-compiled: what may depend on the processor, unless more is asked for.
	for k in "${T_KERNELS[@]}"; do
		if ! kernel_native "$k" && ((!T_FULL)) && [[ -z $T_FILTER && $T_SLICE != *" $k "* ]]; then T_SLICE+="$k "; fi
	done
}

# ---- tests -----------------------------------------------------------------------------------------

# plan_tests DIR CPUS OPTION...: DIR/shard1 ..., a file per guest, and DIR/left-out-KERNEL as TAP; prints "TESTS SHARDS
# ROOT...". A guest has CPUS processors where a test does not say how many.
plan_tests() {
	local dir=$1 cpus=$2 args=() k
	shift 2
	for k in "${T_KERNELS[@]}"; do
		args+=(--kernel "$k slow=$(kernel_slowness "$k") programs=$(guest_dir "$k")/tests $(kernel_traits "$k")")
		if [[ $T_SLICE == *" $k "* ]]; then args+=(--slice "$k"); fi
	done
	if ((T_FULL)); then args+=(--full); fi
	if [[ -n $VM_CPUS ]]; then args+=(--cpus "$VM_CPUS"); fi
	if [[ -n $VM_MEMORY ]]; then args+=(--memory "$VM_MEMORY"); fi
	"$VEX_BUILD/env/vextest" plan --dir "$dir" --times "$VEX_BUILD/test-times" --jobs "$T_JOBS" --repeat "$T_REPEAT" \
		--lane "$VM_LANE" --default-cpus "$cpus" "${args[@]}" "$@"
}

# plan_root [NAME]: makes the root of env/debroot that tests of the plan want ("root=NAME"; one for all of them).
plan_root() { [[ -z $1 ]] || debroot_need "$1"; }

# plan_guest DIR CPUS: the tests that the filter lets through; C programs come from build/guest/tests.
plan_guest() {
	plan_tests "$1" "$2" --tests "$T_TESTS" --programs "$(guest_dir "${T_KERNELS[0]}")/tests" --filter "$T_FILTER"
}
