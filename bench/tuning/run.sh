# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench tuning: what each setting of the emulator is worth on this host. Each figure is a median of runs in
# fresh guests, the two sides of a comparison taken in turns so that a change of the host's load hits both.

# tuning_guest DIR WORK CPUS [OPTION]...: one guest; its lines in DIR.out.
tuning_guest() {
	local dir=$1 work=$2 cpus=$3
	shift 3
	printf '%s\n' "$work" >"$dir.work"
	"$VEX_ROOT/vex" vm --module none --lane cold --accel tcg --kernel "$SERIES" --cpus "$cpus" --rundir "$dir" \
		--file /tuning="$dir.work" --timeout 600 "$@" "$VEX_ROOT/bench/tuning/work.sh" >"$dir.out" 2>"$dir.err" ||
		die "$EX_ENV" "the benchmark's guest failed; see $dir.err"
}

guest_ms() { sed -n "s/^@ms $2 //p" "$1.out"; }

# side_by_side WORK: two guests of one processor at once; the time until the last is done.
side_by_side() {
	local a b first
	tuning_guest "$WORK/a" "$1" 1 &
	first=$!
	tuning_guest "$WORK/b" "$1" 1
	wait "$first"
	a=$(guest_ms "$WORK/a" one) b=$(guest_ms "$WORK/b" one)
	printf '%d' "$((a > b ? a : b))"
}

# qemu_with CACHE: a QEMU whose disks have this caching mode.
qemu_with() {
	cat >"$WORK/qemu-$1" <<END
#!/bin/bash
exec qemu-system-x86_64 "\${@//cache=unsafe/cache=$1}"
END
	chmod +x "$WORK/qemu-$1"
	printf '%s/qemu-%s' "$WORK" "$1"
}

# How many seconds the host saw while the guest slept five.
host_seconds() {
	local line start=0 ms=0
	printf 'clock\n' >"$WORK/clock.work"
	while read -r line; do
		if [[ $line == @tick ]]; then start=$(now_ms); fi
		if [[ $line == @tock ]]; then ms=$(($(now_ms) - start)); fi
	done < <("$VEX_ROOT/vex" vm --module none --lane cold --accel tcg --kernel "$SERIES" --cpus 1 --rundir "$WORK/clock" \
		--file /tuning="$WORK/clock.work" "$@" "$VEX_ROOT/bench/tuning/work.sh" 2>"$WORK/clock.err")
	((ms)) || die "$EX_ENV" "the guest of the clock failed; see $WORK/clock.err"
	printf '%d' "$ms"
}

ratio() { awk -v what="$1" -v a="$2" -v b="$3" 'BEGIN { printf "  %-46s %7.2f\n", what, a / b }'; }

tuning_forks() {
	local i plain=() aslr=()
	for ((i = 0; i < RUNS; i++)); do
		tuning_guest "$WORK/f" forks 1
		plain+=("$(guest_ms "$WORK/f" forks)")
		tuning_guest "$WORK/f" aslr 1
		aslr+=("$(guest_ms "$WORK/f" forks)")
	done
	stats "120 small programs, norandmaps" "${plain[@]}"
	stats "the same, addresses at random" "${aslr[@]}"
	ratio "norandmaps is faster by" "$(median "${aslr[@]}")" "$(median "${plain[@]}")"
}

tuning_clock() {
	local i with=() without=() boot=() slow=()
	for ((i = 0; i < RUNS; i++)); do
		with+=("$(host_seconds)")
		boot+=("$(result_field "$WORK/clock" ready_ms)")
		without+=("$(host_seconds --append tsc_early_khz=0)")
		slow+=("$(result_field "$WORK/clock" ready_ms)")
	done
	stats "boot, tsc_early_khz given" "${boot[@]}"
	stats "boot, the guest measures its clock" "${slow[@]}"
	stats "host time of 5 s in the guest, given" "${with[@]}"
	stats "the same, measured by the guest" "${without[@]}"
}

tuning_shards() {
	local i one=() shard=()
	for ((i = 0; i < RUNS; i++)); do
		tuning_guest "$WORK/s" two 2
		one+=("$(guest_ms "$WORK/s" two)")
		shard+=("$(side_by_side one)")
	done
	stats "2 x 80 programs: one guest, 2 processors" "${one[@]}"
	stats "the same: two guests, 1 processor each" "${shard[@]}"
	ratio "two guests are faster by" "$(median "${one[@]}")" "$(median "${shard[@]}")"
}

tuning_cache() {
	local i mode
	local -A ms=()
	for ((i = 0; i < RUNS; i++)); do
		for mode in unsafe writeback none; do
			VEX_QEMU=$(qemu_with "$mode") tuning_guest "$WORK/d" disk 1 --disk d=64M
			ms[$mode]+=" $(guest_ms "$WORK/d" disk)"
		done
	done
	for mode in unsafe writeback none; do
		# shellcheck disable=SC2086	# numbers
		stats "200 x 64 KiB written and flushed, cache=$mode" ${ms[$mode]}
	done
}

bench_main() {
	RUNS=3 SERIES=''
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--runs) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--runs $2: use 1 to 99"; RUNS=$2; shift ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	SERIES=$(kernel_parse "${VM_KERNEL:-6.1}") || exit
	[[ $SERIES != *$'\n'* ]] || usage_error "--kernel: one kernel"
	guest_need bench/tuning "$SERIES"
	vm_need "$SERIES"
	WORK=$(run_dir bench)
	say "tuning: Debian $(kernel_release "$SERIES") under emulation, $(nproc) cpus, load $(cut -d' ' -f1 /proc/loadavg)"
	tuning_forks
	tuning_clock
	tuning_shards
	tuning_cache
}
