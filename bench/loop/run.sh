# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench loop: the times a developer waits. Every figure is a median; the spread is printed beside it.
# Peer: virtme-ng, when it is installed (the same kernel image and the same emulator).

bench_ready() {
	local lane=$1 i ms=() rc
	for ((i = 0; i < RUNS; i++)); do
		rc=0
		"$VEX_ROOT/vex" vm --module none --lane "$lane" --kernel "$SERIES" --accel "$VM_ACCEL" \
			--rundir "$WORK/ready" "$WORK/nothing.sh" >"$WORK/log" 2>&1 || rc=$?
		((rc == 0)) || die "$EX_ENV" "the benchmark's guest failed ($(cause_of "$rc")); see $WORK/log"
		[[ $(result_field "$WORK/ready" lane) == "$lane" ]] || die "$EX_ENV" "asked for the $lane lane, got another"
		ms+=("$(result_field "$WORK/ready" ready_ms)")
	done
	stats "start -> init ready, $lane" "${ms[@]}"
	READY_MEDIAN=$(median "${ms[@]}")
}

bench_shell() {
	local lane=$1 i start ms=()
	for ((i = 0; i < RUNS; i++)); do
		rm -f "$WORK/log"	# the shell below may truncate it later than the loop reads it
		start=$(now_ms)
		"$VEX_ROOT/vex" shell --lane "$lane" --kernel "$SERIES" --accel "$VM_ACCEL" \
			<<<'grep -q "/mnt/vexfs vexfs" /proc/mounts && echo mounted' >"$WORK/log" 2>&1 &
		while ! grep -q '^mounted' "$WORK/log" 2>/dev/null; do
			kill -0 $! 2>/dev/null || grep -q '^mounted' "$WORK/log" || die "$EX_ENV" "./vex shell failed; see $WORK/log"
			sleep 0.01
		done
		ms+=($(($(now_ms) - start)))
		wait $! || die "$EX_ENV" "./vex shell failed; see $WORK/log"
	done
	stats "./vex shell -> command on a mounted VexFS, $lane" "${ms[@]}"
}

# The change is made in a copy of the tree; nobody's working files are touched.
bench_change() {
	local lane=$1 i start built done_ms all=() build=() guest=() tests=() rc
	for ((i = 0; i < RUNS; i++)); do
		printf '\n/* bench %s %d */\n' "$lane" "$i" >>"$WORK/tree/kmod/super.c"
		start=$(now_ms)
		make -C "$WORK/tree" --no-print-directory -j"$JOBS" modules KDIR="$(kernel_dir "$SERIES")/kdir/" \
			MODOUT="$WORK/kmod" KMAKE_ARGS="$(kernel_make_args "$SERIES")" >"$WORK/build.log" 2>&1 || die "$EX_ENV" "the module does not build; see $WORK/build.log"
		built=$(now_ms)
		rc=0
		"$VEX_ROOT/vex" vm --module none --lane "$lane" --kernel "$SERIES" --accel "$VM_ACCEL" --ktap \
			--disk test=64M --file /vex/modules/vexfs.ko="$WORK/kmod/vexfs.ko" \
			--rundir "$WORK/smoke" "$VEX_ROOT/bench/loop/smoke.sh" >"$WORK/log" 2>&1 || rc=$?
		((rc == 0)) || die "$EX_ENV" "the smoke test failed ($(cause_of "$rc")); see $WORK/log"
		done_ms=$(now_ms)
		all+=($((done_ms - start)))
		build+=($((built - start)))
		tests+=("$(sed -n 's/^ok 1 smoke # ms=//p' "$WORK/smoke/tap.log")")
		guest+=($((done_ms - built - ${tests[-1]})))
	done
	stats "changed line -> smoke verdict, $lane" "${all[@]}"
	stats "    of it: compiler, $lane" "${build[@]}"
	stats "    of it: guest, start to end, $lane" "${guest[@]}"
	stats "    of it: tests, $lane" "${tests[@]}"
}

bench_virtme() {
	local i start ms=() image
	if ! command -v vng >/dev/null; then
		note "virtme-ng is not installed: no comparison"
		return
	fi
	image=$(readlink -f "$(kernel_dir "$SERIES")/vmlinuz")
	for ((i = 0; i < RUNS; i++)); do
		start=$(now_ms)
		timeout 120 vng --disable-kvm -r "$image" --cpus 2 --memory 768M -- true >"$WORK/vng.log" 2>&1 </dev/null || {
			note "virtme-ng does not boot this kernel here (its words: $(tail -n1 "$WORK/vng.log")): no comparison"
			return
		}
		ms+=($(($(now_ms) - start)))
	done
	stats "virtme-ng: start -> command done" "${ms[@]}"
	awk -v a="$(median "${ms[@]}")" -v b="$READY_MEDIAN" 'BEGIN { printf "  %-46s %7.1f\n", "ratio, virtme-ng / warm", a / b }'
}

bench_main() {
	RUNS=5 SERIES=
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--runs) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--runs $2: use 1 to 99"; RUNS=$2; shift ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	SERIES=$(kernel_parse "${VM_KERNEL:-6.1}")
	[[ $SERIES != *$'\n'* ]] || usage_error "--kernel: one kernel, not several"
	guest_need bench/loop "$SERIES"
	vm_need "$SERIES"
	build_guest "$SERIES"
	build_module "$SERIES"
	WORK=$(run_dir bench)
	printf '#!/bin/sh\ntrue\n' >"$WORK/nothing.sh"
	mkdir "$WORK/tree"
	cp -r "$VEX_ROOT"/{Makefile,core,include,kmod} "$WORK/tree/"
	make -C "$WORK/tree" --no-print-directory -j"$JOBS" modules KDIR="$(kernel_dir "$SERIES")/kdir/" \
		MODOUT="$WORK/kmod" KMAKE_ARGS="$(kernel_make_args "$SERIES")" >"$WORK/build.log" 2>&1 || die "$EX_ENV" "the module does not build; see $WORK/build.log"
	local lane lanes=(cold warm)
	# A process tree cannot be saved.
	if kernel_has "$SERIES" uml; then lanes=(cold); fi
	# Not measured: the one boot that makes the saved guests.
	"$VEX_ROOT/vex" vm --module none --kernel "$SERIES" --accel "$VM_ACCEL" --rundir "$WORK/ready" "$WORK/nothing.sh" >/dev/null 2>&1 || true
	say "loop: $(kernel_release "$SERIES"), $(nproc) cpus, load $(cut -d' ' -f1 /proc/loadavg), $(result_field "$WORK/ready" accel_reason)"
	for lane in "${lanes[@]}"; do
		bench_ready "$lane"
		bench_shell "$lane"
		bench_change "$lane"
	done
	if ! kernel_has "$SERIES" uml; then bench_virtme; fi
	rm -rf "$WORK/tree" "$WORK/kmod"
	history_add "bench loop" 0 --text "kernel=$SERIES" --counts "$WORK/counts"
}
