# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by env/lib and env/test
# One-line purpose: your xfstests tree on VexFS in guests

cmd_help() {
	cat <<'END_HELP'
usage: ./vex fstests [--dir PATH] [OPTION]... [TEST]...

Runs tests of an xfstests tree on VexFS, in guests: several at a time, each test with a limit, results as of ./vex
test. The tree is yours: clone https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git and run make there. It is
not changed; a copy of it gets a small file that knows FSTYP=vexfs, and the tests of tests/fstests/vexfs. The
root they run in is a small Debian that mmdebstrap makes once.

TEST: generic/001, vexfs/002, 'generic/00?'; without TEST and -g: -g quick.

  --dir PATH            the tree [the variable VEXFS_FSTESTS]
  -g GROUP              tests of these groups, by commas: quick, auto, rw ...
  -x GROUP              but not of these
  --kernel NAME         one or several by commas, or a trait: 6.1, 6.12, stock, debug ... [6.1]
  --shards N            guests at a time [one per processor]
  --resume              the newest run had no time to finish: its results count, the rest runs
  --time S              limit of a test, before scaling by the speed of the host [300]
  --soak S              what tests that run as long as they are told get [30]
  --exclude FILE        what is expected to fail, or not run [tests/fstests/exclude]; none: nothing
  --fs NAME             another filesystem for comparison: ext4, xfs [vexfs]
  --root FILE           an ext4 image to run in instead of the one that mmdebstrap makes
  --show WHAT           results or tap (every line the tests print, as it comes) [results]
  --list                only print the names of the tests
  --accel, --memory, --no-install, -v   as of ./vex test

examples:
  ./vex fstests --dir ~/xfstests-dev generic/001 'generic/01?'
  ./vex fstests --dir ~/xfstests-dev -g quick --kernel 6.1,6.12 --shards 4
  ./vex fstests --dir ~/xfstests-dev -g quick --resume
  ./vex fstests --dir ~/xfstests-dev -g vexfs
END_HELP
}

fst_options() {
	FST_DIR=${VEXFS_FSTESTS:-} FST_GROUPS='' FST_NOT='' FST_WORDS=() FST_RESUME=0 FST_TIME=300 FST_SOAK=30 FST_LIST=0
	FST_EXCLUDE=$VEX_ROOT/tests/fstests/exclude FST_FSTYP=vexfs FST_ROOT='' T_JOBS='' T_SHOW=results
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--resume | --list) ;;
		-?*) need_value "$1" $# ;;
		esac
		case $1 in
		--dir) FST_DIR=$2; shift ;;
		-g) FST_GROUPS+=,$2; shift ;;
		-x) FST_NOT+=,$2; shift ;;
		--shards) [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--shards $2: use a number from 1 to 99"; T_JOBS=$2; shift ;;
		--resume) FST_RESUME=1 ;;
		--list) FST_LIST=1 ;;
		--time) [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "--time $2: use seconds"; FST_TIME=$2; shift ;;
		--soak) [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "--soak $2: use seconds"; FST_SOAK=$2; shift ;;
		--exclude) [[ $2 == none || -f $2 ]] || usage_error "--exclude $2: no such file"
			FST_EXCLUDE=$2; shift ;;
		--fs) [[ $2 =~ ^(vexfs|ext4|xfs)$ ]] || usage_error "--fs $2: use vexfs, ext4 or xfs"; FST_FSTYP=$2; shift ;;
		--root) [[ -f $2 ]] || usage_error "--root $2: no such file"; FST_ROOT=$(readlink -f "$2"); shift ;;
		--show) [[ $2 =~ ^(results|tap)$ ]] || usage_error "--show $2: use results or tap"; T_SHOW=$2; shift ;;
		-*) usage_error "unknown option '$1'" ;;
		*) FST_WORDS+=("$1") ;;
		esac
		shift
	done
	[[ $FST_EXCLUDE != none ]] || FST_EXCLUDE=''
	((${#VM_DISKS[@]} == 0)) || usage_error "--disk: ./vex fstests makes the disks"
	if [[ -z $FST_GROUPS && ${#FST_WORDS[@]} == 0 ]]; then FST_GROUPS=quick; fi
}

# fst_run DIR: all that is planned, and the report.
fst_run() {
	local dir=$1 k planned cpus how total shards
	planned=$(test_accel) || exit
	read -r cpus how <<<"$planned"
	planned=$(plan_tests "$dir" "$cpus" --rows "$dir/rows" --guess 6000) || exit
	read -r total shards _ <<<"$planned"
	if ((total)); then
		say "fstests on $FST_FSTYP: $total on ${T_KERNELS[*]}; $shards guests, $T_JOBS at a time, $how"
	fi
	for k in "${T_KERNELS[@]}"; do fst_machine "$T_DIR/machines" "$k"; done
	run_guests
}

cmd_main() {
	local tests dir k
	declare -gA FST_DONE=()
	fst_options "$@"
	fst_tree_check "$FST_DIR"
	FST_DIR=$(readlink -f "$FST_DIR")
	T_FULL=0 T_REPEAT=1
	test_kernels "${VM_KERNEL:-6.1}"
	tests=$(fst_select) || exit
	if ((FST_LIST)); then printf '%s\n' "$tests"; return; fi
	[[ -n $FST_ROOT ]] || WANTS+=(--mmdebstrap)
	guest_need fstests "${T_KERNELS[@]}"
	env_build
	T_JOBS=${T_JOBS:-$(default_jobs)}
	T_DIR=$(run_dir fstests) dir=$T_DIR/guest
	mkdir "$dir"
	fst_exclude_read "$T_DIR"
	vm_need "${T_KERNELS[@]}"
	kernel_check_quick "${T_KERNELS[@]}"
	build_guest "${T_KERNELS[@]}"
	for k in "${T_KERNELS[@]}"; do build_module "$k"; fst_modules "$k"; done
	if [[ -n $FST_ROOT ]]; then DEBROOT_IMAGE=$FST_ROOT; else debroot_need fstests; fi
	fst_identity >"$T_DIR/identity"
	if ((FST_RESUME)); then fst_resume; fi
	need_space "$VEX_BUILD" $((4000 * T_JOBS)) "the disks of $T_JOBS guests"
	# shellcheck disable=SC2086	# names without blanks
	fst_stage "$T_DIR/tree" $tests
	# shellcheck disable=SC2086
	fst_plan "$dir" $tests
	fst_run "$dir"
	rm -rf "$T_DIR/tree" "$T_DIR"/modules-*
	run_finish "fstests of $FST_FSTYP"
}
