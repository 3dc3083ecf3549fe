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

  --sequences N   instead: all sequences of N operations (1 or 2; of 3 only some: --first, --count) on a tree of
                  three files, each ended by one of five ways to make something durable
  --first N       begin with this sequence [0]
  --count N       so many sequences [all there are, from --first on]
  --seed N        of the first run [1]
  --runs N        so many runs, each with the next seed [1]
  --ops N         operations in a run [600]
  --states N      about so many states for each run [3000; of 200 sequences: 12000]
  --mkfs OPTIONS  how the filesystem is made, like '-O quota' [-O quota,change_feed for even seeds and sequences]
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
  ./vex crash-test --sequences 1
  ./vex crash-test --broken all
END
}

CT_LOG=2G CT_PART=200

# An empty filesystem in image $1: quota and change feed are in half of the runs, and in all sequences; each fourth one
# is smaller than its disk, for the model (CR_SMALL, CR_LARGE) lets it grow.
crash_mkfs() {
	local image=$1 disk=64M options=() size=()
	read -ra options <<<"$CT_MKFS"
	if [[ -z $CT_SEQ ]] && ((CT_SEED % 4 == 0)); then disk=160M size=(48M); fi
	if [[ -z $CT_MKFS && (-n $CT_SEQ || $((CT_SEED % 2)) == 0) ]]; then options=(-O "quota,change_feed"); fi
	truncate -s "$disk" "$image"
	"$VEX_BUILD/bin/mkfs.vexfs" -q "${options[@]}" "$image" "${size[@]}" ||
		die "$EX_USAGE" "mkfs.vexfs cannot use --mkfs '$CT_MKFS'"
}

# The recording of a run in $1: base.img, log.img. $2: another vexfs.ko, or nothing.
crash_record() {
	local dir=$1 module=$2 rc=0 more=() what=$CT_OPS
	[[ -z $CT_SEQ ]] || what=${CT_SEQ//:/ }
	rm -rf "$dir"
	mkdir -p "$dir"
	truncate -s "$CT_LOG" "$dir/log.img"
	crash_mkfs "$dir/base.img"
	cp --sparse=always "$dir/base.img" "$dir/test.img"
	{
		printf '#!/bin/sh\n'
		[[ -z $module ]] || printf 'insmod /vex/broken.ko || exit 125\n'
		printf 'exec /vex/record %s %s\n' "$CT_SEED" "$what"
	} >"$dir/record.sh"
	if [[ -n $module ]]; then more=(--module none --file "/vex/broken.ko=$module"); fi
	"$VEX_ROOT/vex" vm --kernel "$CT_KERNEL" --rundir "$dir/guest" --disk "test=$dir/test.img" \
		--disk "log=$dir/log.img" --file "/vex/record=$VEX_BUILD/guest/crash/record" --timeout 600 \
		"${more[@]}" "$dir/record.sh" >"$dir/record.log" 2>&1 || rc=$?
	rm -f "$dir/test.img"
	if ((rc)) || ! grep -q '^recorded ' "$dir/record.log"; then
		tail -n 20 "$dir/record.log" >&2
		die "$EX_ENV" "$(crash_what) could not be recorded: see ${dir#"$VEX_ROOT"/}/record.log"
	fi
}

# The run, as the options that repeat it.
crash_what() {
	local length first count
	if [[ -z $CT_SEQ ]]; then
		printf -- '--seed %s' "$CT_SEED"
	else
		IFS=: read -r length first count <<<"$CT_SEQ"
		printf -- '--sequences %s --first %s --count %s' "$length" "$first" "$count"
	fi
}

crash_check() {
	local dir=$1 what=(--ops "$CT_OPS")
	shift
	[[ -z $CT_SEQ ]] || what=(--sequences "$CT_SEQ")
	[[ -s $dir/log.img ]] || usage_error "no recording of $(crash_what): run it first, with --keep"
	"$VEX_BUILD/crash/check" --base "$dir/base.img" --log "$dir/log.img" --seed "$CT_SEED" "${what[@]}" --dir "$dir" \
		--states "$CT_STATES" --jobs "$CT_JOBS" "$@"
}

crash_build() {
	build_tools
	build_step "building the crash test" crash crash
}

crash_dir() {
	printf '%s/crash-test/%s\n' "$VEX_BUILD" "${CT_SEQ:+sequences-}${CT_SEQ:-$CT_SEED}" | tr : -
}

# Record and judge one run; 1: a state is not right.
crash_run() {
	local dir rc=0
	dir=$(crash_dir)
	# shellcheck disable=SC2034	# read by history_add
	HISTORY_MS=$(now_ms)
	crash_record "$dir" ''
	printf '%s\n' "$CT_OPS" >"$dir/ops"
	crash_check "$dir" --counts "$dir/counts" || rc=$?
	((rc <= 1)) || die "$EX_ENV" "$(crash_what): the states could not be judged"
	history_add crash-test "$rc" --text "kernel=$CT_KERNEL" --text "seed=$CT_SEED" --counts "$dir/counts"
	if ((rc)); then
		note "again: ./vex crash-test $(crash_what) --only STATE"
	elif ((CT_KEEP == 0)); then
		rm -rf "$dir"
	fi
	return "$rc"
}

crash_runs() {
	local i rc=0
	for ((i = 0; i < CT_RUNS; i++)); do
		crash_run || rc=1
		CT_SEED=$((CT_SEED + 1))
	done
	return "$rc"
}

# CT_PART sequences in one recording: the model's history grows with it.
crash_sequences() {
	local length=$1 first=$2 count=$3 all rc=0 n
	all=$("$VEX_BUILD/crash/check" --how-many "$length")
	((first < all)) || usage_error "--first $first: there are $all sequences of length $length"
	((count && count <= all - first)) || count=$((all - first))
	for ((; count > 0; first += n, count -= n)); do
		n=$((count < CT_PART ? count : CT_PART))
		CT_SEQ=$length:$first:$n
		crash_run || rc=1
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
	local only='' broken='' length=0 first=0 count=0 states=0
	CT_MKFS='' CT_SEQ='' CT_SEED=1 CT_RUNS=1 CT_OPS=600 CT_KERNEL=6.1 CT_JOBS=$JOBS CT_KEEP=0
	while (($#)); do
		case $1 in
		--seed) ct_number "$@"; CT_SEED=$2; shift ;;
		--runs) ct_number "$@"; CT_RUNS=$2; shift ;;
		--ops) ct_number "$@"; CT_OPS=$2; shift ;;
		--states) ct_number "$@"; states=$2; shift ;;
		--sequences) ct_number "$@"; length=$2; shift ;;
		--first) [[ ${2-} == 0 ]] || ct_number "$@"; first=$2; shift ;;
		--count) ct_number "$@"; count=$2; shift ;;
		--mkfs) need_value "$1" $#; CT_MKFS=$2; shift ;;
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
	((length <= 4)) || usage_error "--sequences $length: at most 4"
	CT_STATES=$((states ? states : length ? 12000 : 3000))
	if [[ -n $broken ]]; then WANTS+=(--broken); fi
	guest_need crash-test "$CT_KERNEL"
	crash_build
	if [[ -n $only ]]; then
		if ((length)); then CT_SEQ=$length:$first:$count; fi
		[[ ! -f $VEX_BUILD/crash-test/$CT_SEED/ops ]] || CT_OPS=$(<"$VEX_BUILD/crash-test/$CT_SEED/ops")
		crash_check "$VEX_BUILD/crash-test/$CT_SEED" --only "$only"
	elif [[ $broken == all ]]; then
		crash_broken "$(broken_names)"
	elif [[ -n $broken ]]; then
		crash_broken "$broken"
	elif ((length)); then
		crash_sequences "$length" "$first" "$count"
	else
		crash_runs
	fi
}
