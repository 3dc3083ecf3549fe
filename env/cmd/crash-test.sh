# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: power cuts by the thousand: states of the disk, judged by fsck and a model

cmd_help() {
	cat <<'END'
usage: ./vex crash-test [OPTION]...

Runs random operations on a small VexFS in a guest (names, content, attributes, embeddings, fsync ...) and records every
write below it (dm-log-writes). Then, on the host, it makes the states that a power cut can leave: all writes up to each
one, and random choices of those that no flush had made durable, some of them torn. In each state fsck.vexfs -n must
find nothing and the tree must be one that a model of the same operations allows: what was synced is there, the rest is
old or new, no byte is foreign, no embedding looks current beside other content. docs/testing.md has the rules.

  --seed N        of the first run [1]
  --runs N        so many runs, each with the next seed [1]
  --ops N         operations in a run [600]
  --states N      about so many states for each run [3000]
  --kernel NAME   6.1, 6.12 or a built one [6.1]
  --jobs N        states judged at a time [one for each processor]
  --only STATE    judge this state of the last recording of --seed again, like 311.4
  --keep          keep the recordings of good runs, too
  --broken NAME   build the module with a fault of tests/crash/broken/ and expect that it is caught; all: each of them
  --no-install    never install packages; say what is missing

What is recorded is in build/crash-test/SEED and stays there if something is not right.

exit: 0 all states are right (with --broken: the fault was caught), 1 some are not, 6 it could not be done
examples:
  ./vex crash-test --runs 10
  ./vex crash-test --seed 7 --only 311.4
  ./vex crash-test --broken all
END
}

CT_DISK=64M CT_LOG=2G

# The recording of a seed in $1: base.img, log.img. $2: a directory with another vexfs.ko, or nothing.
crash_record() {
	local dir=$1 module=$2 rc=0 more=()
	rm -rf "$dir"
	mkdir -p "$dir"
	truncate -s "$CT_DISK" "$dir/base.img"
	truncate -s "$CT_LOG" "$dir/log.img"
	"$VEX_BUILD/bin/mkfs.vexfs" -q "$dir/base.img"
	cp --sparse=always "$dir/base.img" "$dir/test.img"
	{
		printf '#!/bin/sh\n'
		[[ -z $module ]] || printf 'insmod /vex/broken.ko || exit 125\n'
		printf 'exec /vex/record %s %s\n' "$CT_SEED" "$CT_OPS"
	} >"$dir/record.sh"
	if [[ -n $module ]]; then more=(--module none --file "/vex/broken.ko=$module"); fi
	"$VEX_ROOT/vex" vm --kernel "$CT_KERNEL" --rundir "$dir/guest" --disk "test=$dir/test.img" \
		--disk "log=$dir/log.img" --file "/vex/record=$VEX_BUILD/guest/crash/record" --timeout 600 \
		"${more[@]}" "$dir/record.sh" >"$dir/record.log" 2>&1 || rc=$?
	rm -f "$dir/test.img"
	if ((rc)) || ! grep -q '^recorded ' "$dir/record.log"; then
		tail -n 20 "$dir/record.log" >&2
		die "$EX_ENV" "seed $CT_SEED could not be recorded: see ${dir#"$VEX_ROOT"/}/record.log"
	fi
}

crash_check() {
	local dir=$1
	shift
	[[ -s $dir/log.img ]] || usage_error "no recording of seed $CT_SEED: run it first, with --keep"
	"$VEX_BUILD/crash/check" --base "$dir/base.img" --log "$dir/log.img" --seed "$CT_SEED" --ops "$CT_OPS" --dir "$dir" \
		--states "$CT_STATES" --jobs "$CT_JOBS" "$@"
}

crash_build() {
	build_tools
	build_step "building the crash test" crash crash
}

crash_runs() {
	local i dir rc=0 one
	for ((i = 0; i < CT_RUNS; i++)); do
		dir=$VEX_BUILD/crash-test/$CT_SEED one=0
		crash_record "$dir" ''
		printf '%s\n' "$CT_OPS" >"$dir/ops"
		crash_check "$dir" || one=$?
		((one <= 1)) || die "$EX_ENV" "seed $CT_SEED: the states could not be judged"
		if ((one)); then
			rc=1
			note "again: ./vex crash-test --seed $CT_SEED --only STATE"
		elif ((CT_KEEP == 0)); then
			rm -rf "$dir"
		fi
		CT_SEED=$((CT_SEED + 1))
	done
	return "$rc"
}

# ---- faults on purpose --------------------------------------------------------------------

# The module with a patch, built in a copy of the sources.
broken_module() {
	local name=$1 tree=$VEX_BUILD/crash-test/tree-$1 args
	rm -rf "$tree"
	mkdir -p "$tree"
	cp -r "$VEX_ROOT"/{core,include,kmod,Makefile} "$tree"
	patch -s -p1 -d "$tree" <"$VEX_ROOT/tests/crash/broken/$name.patch" ||
		die "$EX_ENV" "tests/crash/broken/$name.patch no longer fits the sources: renew it"
	args=$(kernel_make_args "$CT_KERNEL")
	build_lock
	quietly "module with fault $name" "$VEX_BUILD/log/broken-$name.log" kernel_run "$CT_KERNEL" make -C "$tree" -j"$JOBS" \
		--no-print-directory modules KDIR="$(kernel_dir "$CT_KERNEL")/kdir/" MODOUT="$tree/out" ${args:+KMAKE_ARGS="$args"} ||
		die "$EX_ENV" "the module with fault $name does not build"
	build_unlock
	BROKEN_KO=$tree/out/vexfs.ko
}

broken_names() {
	local f
	for f in "$VEX_ROOT"/tests/crash/broken/*.patch; do basename "${f%.patch}"; done
}

crash_broken() {
	local name dir rc=0 one
	for name in $1; do
		[[ -f $VEX_ROOT/tests/crash/broken/$name.patch ]] || usage_error "no fault '$name': $(broken_names | paste -sd' ')"
		dir=$VEX_BUILD/crash-test/broken-$name one=0
		broken_module "$name"
		crash_record "$dir" "$BROKEN_KO"
		crash_check "$dir" >"$dir/check.log" 2>&1 || one=$?
		case $one in
		1) printf 'caught: %s: %s\n' "$name" "$(grep -m1 '^not right' "$dir/check.log" | cut -c1-150)" ;;
		0) printf 'NOT caught: %s: %s\n' "$name" "$(tail -n 1 "$dir/check.log")"; rc=1 ;;
		*) die "$EX_ENV" "fault $name: the states could not be judged: see ${dir#"$VEX_ROOT"/}/check.log" ;;
		esac
		rm -rf "$VEX_BUILD/crash-test/tree-$name"
		((one != 1)) || rm -rf "$dir"
	done
	return "$rc"
}

# ---- the command ----------------------------------------------------------------------------

ct_number() {
	need_value "$1" $#
	[[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "$1 $2: use a number from 1 up"
}

cmd_main() {
	local only='' broken=''
	CT_SEED=1 CT_RUNS=1 CT_OPS=600 CT_STATES=3000 CT_KERNEL=6.1 CT_JOBS=$JOBS CT_KEEP=0
	while (($#)); do
		case $1 in
		--seed) ct_number "$@"; CT_SEED=$2; shift ;;
		--runs) ct_number "$@"; CT_RUNS=$2; shift ;;
		--ops) ct_number "$@"; CT_OPS=$2; shift ;;
		--states) ct_number "$@"; CT_STATES=$2; shift ;;
		--jobs) ct_number "$@"; CT_JOBS=$2; shift ;;
		--kernel) need_value "$1" $#; CT_KERNEL=$(kernel_parse "$2"); shift ;;
		--only) need_value "$1" $#; only=$2; shift ;;
		--broken) need_value "$1" $#; broken=$2; shift ;;
		--keep) CT_KEEP=1 ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	[[ $CT_KERNEL != *$'\n'* ]] || usage_error "--kernel: one kernel"
	if [[ -n $broken ]]; then WANTS+=(--broken); fi
	guest_need crash-test "$CT_KERNEL"
	crash_build
	if [[ -n $only ]]; then
		[[ ! -f $VEX_BUILD/crash-test/$CT_SEED/ops ]] || CT_OPS=$(<"$VEX_BUILD/crash-test/$CT_SEED/ops")
		crash_check "$VEX_BUILD/crash-test/$CT_SEED" --only "$only"
	elif [[ $broken == all ]]; then
		crash_broken "$(broken_names)"
	elif [[ -n $broken ]]; then
		crash_broken "$broken"
	else
		crash_runs
	fi
}
