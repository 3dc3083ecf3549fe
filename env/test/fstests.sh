# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# FST_* and T_* are set by the command
#
# An xfstests tree of the user's in our guests: the tree and its copy, the root it runs in, which tests, what is
# expected of them. Each test of the tree is a guest test by itself: limits, oracles and reports are those of ./vex test.

FST_HERE=$VEX_ROOT/env/fstests
FST_OURS=$VEX_ROOT/tests/fstests
# Kernel modules that tests load, beside those every guest has.
FST_MODULES=(overlay dm-thin-pool dm-zero dm-crypt dm-integrity dm-mirror xfs quota_v2)

# ---- the tree --------------------------------------------------------------------------------------

# fst_tree_check DIR: an xfstests tree that has been built.
fst_tree_check() {
	local dir=$1 get
	get="git clone https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git && make -C xfstests-dev"
	[[ -n $dir ]] || die "$EX_USAGE" "no xfstests tree: name one with --dir PATH or VEXFS_FSTESTS=PATH; to get one: $get"
	[[ -d $dir ]] || die "$EX_USAGE" "--dir $dir: no such directory; to get an xfstests tree: $get"
	[[ -f $dir/check && -f $dir/common/rc && -d $dir/tests/generic ]] || die "$EX_USAGE" \
		"$dir is not an xfstests tree (it lacks check, common/rc or tests/generic); to get one: $get"
	[[ -f $dir/tests/generic/group.list && -x $dir/ltp/fsstress ]] || die "$EX_USAGE" \
		"$dir has not been built: run make there (docs/testing.md lists the packages it needs)"
}

# What of the tree is not needed in a guest: history, sources, objects, tests; fst_stage adds the tests that run.
FST_LEAVE_OUT=(--exclude=./.git --exclude='*.o' --exclude='*.lo' --exclude='*.c' --exclude='*.h' --exclude='.libs' --exclude='*.a'
	--exclude='*.la' --exclude=./tests --exclude=./results --exclude=./local.config --exclude=./autom4te.cache
	--exclude=./doc --exclude=./common/vexfs)

# fst_stage DIR NAME...: a copy of the tree in DIR with these tests, ours, and what a tree has to know about VexFS.
fst_stage() {
	local to=$1 name d
	shift
	mkdir -p "$to"
	tar -C "$FST_DIR" "${FST_LEAVE_OUT[@]}" -cf - . | tar -C "$to" -xf - ||
		die "$EX_ENV" "cannot copy $FST_DIR to $to: make room on the host (./vex clean)"
	for d in $(printf '%s\n' "${@%/*}" | sort -u); do
		mkdir -p "$to/tests/$d"
		fst_groups "$d" >"$to/tests/$d/group.list"
	done
	for name in "$@"; do cp -p "$(fst_home "${name%/*}")/$name"* "$to/tests/${name%/*}/"; done
	cp "$FST_HERE/vexfs" "$to/common/vexfs"
	# Their last line, with which they end as the tests expect. Small trees have no common/quota.
	for name in rc quota; do
		[[ -f $to/common/$name ]] || continue
		# shellcheck disable=SC2016	# for the tree's shell
		printf '%s\n' '[ "$FSTYP" != vexfs ] || . ./common/vexfs' : >>"$to/common/$name"
	done
	: >"$to/local.config"
}

# ---- tests -----------------------------------------------------------------------------------------

# fst_home DIRECTORY: where the tests of that directory are: in the tree, or here.
fst_home() { if [[ $1 == vexfs ]]; then printf '%s' "$FST_OURS"; else printf '%s/tests' "$FST_DIR"; fi; }

# fst_groups DIRECTORY: "NUMBER GROUP..." of each test in it. Ours say it in the line that every test begins with.
fst_groups() {
	local f
	if [[ $1 != vexfs ]]; then
		awk '/^[0-9]/' "$FST_DIR/tests/$1/group.list"
		return
	fi
	for f in "$FST_OURS"/vexfs/[0-9][0-9][0-9]; do sed -n "s/^_begin_fstest/${f##*/}/p" "$f"; done
}

# fst_all: "NAME GROUP..." of each test that can be asked for.
fst_all() {
	local d
	for d in generic shared vexfs; do
		[[ -d $(fst_home "$d")/$d && ( $d == vexfs || -f $FST_DIR/tests/$d/group.list ) ]] || continue
		fst_groups "$d" | sed "s#^#$d/#"
	done
}

# fst_in_groups GROUPS: reads fst_all; the names in one of the groups (by commas).
fst_in_groups() {
	awk -v want="$1" '{ for (i = 2; i <= NF; i++) if (index("," want ",", "," $i ",")) { print $1; next } }'
}

# fst_select: the names asked for by FST_WORDS and FST_GROUPS, without those of FST_NOT, in the tree's order.
fst_select() {
	local all g w chosen=''
	all=$(fst_all)
	for g in ${FST_GROUPS//,/ } ${FST_NOT//,/ }; do
		[[ -n $(fst_in_groups "$g" <<<"$all") ]] || usage_error "no test of $FST_DIR is in a group '$g'"
	done
	if [[ -n $FST_GROUPS ]]; then chosen=$(fst_in_groups "$FST_GROUPS" <<<"$all"); fi
	for w in "${FST_WORDS[@]}"; do
		# shellcheck disable=SC2053	# a pattern
		g=$(while read -r name _; do if [[ $name == $w ]]; then echo "$name"; fi; done <<<"$all")
		[[ -n $g ]] || usage_error "unknown test '$w': tests are named as in $FST_DIR/tests, as generic/001 or 'generic/00?'"
		chosen+=$'\n'$g
	done
	if [[ -n $FST_NOT ]]; then chosen=$(grep -vxF -f <(fst_in_groups "$FST_NOT" <<<"$all") <<<"$chosen") || chosen=''; fi
	grep . <<<"$chosen" | sort -u || die "$EX_NOTHING" "no test is left of those asked for"
}

# ---- what is expected ------------------------------------------------------------------------------

fst_exclude_error() { die "$EX_USAGE" "${FST_EXCLUDE#"$VEX_ROOT"/}:$1: $2"; }

# fst_exclude_read DIR: checks the file; DIR/known gets "KERNEL TEST EXPECTED REASON" of what runs and must fail,
# DIR/skip "TEST REASON" of what does not run.
fst_exclude_read() {
	local dir=$1 n=0 name kernels expected reason k all
	: >"$dir/known"
	: >"$dir/skip"
	[[ $FST_FSTYP == vexfs && -n $FST_EXCLUDE ]] || return 0
	all=$(fst_all | cut -d' ' -f1)
	while read -r name kernels expected reason; do
		n=$((n + 1))
		[[ -n $name && $name != \#* ]] || continue
		[[ -n $reason ]] || fst_exclude_error "$n" "four columns wanted: TEST KERNELS EXPECTED REASON"
		[[ $expected =~ ^(fail|timeout|panic|skip)$ ]] || fst_exclude_error "$n" "EXPECTED '$expected': use fail, timeout, panic or skip"
		for k in ${kernels//,/ }; do
			[[ $k == all || $(kernel_names) =~ (^|$'\n')"$k"($|$'\n') ]] ||
				fst_exclude_error "$n" "unknown kernel '$k': a name of ./vex kernel list, or all"
		done
		# Trees of other years have other tests.
		grep -qxF -- "$name" <<<"$all" || { note "${FST_EXCLUDE##*/}:$n: $name is not in this tree"; continue; }
		for k in "${T_KERNELS[@]}"; do
			[[ ,$kernels, == *,all,* || ,$kernels, == *,$k,* ]] || continue
			if [[ $expected == skip ]]; then
				printf '%s %s %s\n' "$k" "$name" "$reason" >>"$dir/skip"
			else
				printf '%s %s %s %s\n' "$k" "$name" "$expected" "$reason" >>"$dir/known"
			fi
		done
	done <"$FST_EXCLUDE"
}

# ---- plan and run ----------------------------------------------------------------------------------

# fst_plan DIR NAME...: DIR/rows, what vextest plans; without what the runs that are resumed have results of.
fst_plan() {
	local dir=$1 kernel name why
	shift
	: >"$dir/rows"
	for kernel in "${T_KERNELS[@]}"; do
		for name in "$@"; do
			if [[ -n ${FST_DONE["$kernel $name"]:-} ]]; then continue; fi
			why=$(awk -v k="$kernel" -v n="$name" '$1 == k && $2 == n { $1 = $2 = ""; print substr($0, 3); exit }' "$T_DIR/skip")
			# A test that is asked for by name runs.
			if [[ -n $why && " ${FST_WORDS[*]} " != *" $name "* ]]; then
				printf 'ok 0 %s # SKIP excluded: %s\n' "$name" "$why" >>"$dir/left-out-$kernel"
				continue
			fi
			printf '%s\t%s\t%s\t%s\n' "$kernel" "$name" "$FST_HERE/guest.sh" \
				"mem=2G time=$FST_TIME root=fstests disk=test:3G disk=scratch:4G disk=logwrites:4G" >>"$dir/rows"
		done
	done
}

# fst_modules KERNEL: the modules that tests load, with the index that the root's modprobe reads.
fst_modules() {
	local from to release f
	release=$(kernel_release "$1")
	from=$(kernel_dir "$1")/root/lib/modules/$release to=$T_DIR/modules-$1/lib/modules/$release
	mkdir -p "$to"
	while read -r f; do
		mkdir -p "$to/${f%/*}"
		cp "$from/$f" "$to/$f" || die "$EX_ENV" "cannot copy modules to $to: make room on the host (./vex clean)"
	done < <(module_files "$1" "${GUEST_EXTRA_MODULES[@]}" "${FST_MODULES[@]}")
	cp "$from"/modules.{builtin*,order} "$to/"
	depmod -b "$T_DIR/modules-$1" "$release"
}

# fst_machine DIR KERNEL: machine_write, with what tests of the tree need.
fst_machine() {
	machine_write "$1" "$2"
	printf 'keep-disks\nkeep-processes\nenv FST_FSTYP=%s\nenv FST_SOAK=%s\n' "$FST_FSTYP" "$FST_SOAK" >>"$1/$2/job"
	printf 'tree /vex/fstests %s\nfile /vex/kernel.config 0644 %s\ntree /vex/modules-root %s\n' "$T_DIR/tree" \
		"$(kernel_dir "$2")/config" "$T_DIR/modules-$2" >>"$1/$2/payload"
}

# ---- resuming --------------------------------------------------------------------------------------

# What results depend on: the tree, the filesystem under test and its module.
fst_identity() {
	local k
	printf 'tree=%s\nfs=%s\n' "$FST_DIR" "$FST_FSTYP"
	for k in "${T_KERNELS[@]}"; do printf 'module-%s=%s\n' "$k" "$(sha256sum "$(module_path "$k")" | cut -c1-16)"; done
}

# fst_resume: takes over the results of the newest run: their logs to T_DIR/earlier, their names to FST_DONE.
fst_resume() {
	local last='' d f k name what to
	mkdir "$T_DIR/earlier"
	for d in "$VEX_BUILD"/runs/fstests-*/; do
		if [[ -f $d/identity && ${d%/} != "$T_DIR" ]]; then last=${d%/}; fi
	done
	[[ -n $last ]] || die "$EX_USAGE" "--resume: no earlier run of ./vex fstests found in build/runs"
	cmp -s "$last/identity" "$T_DIR/identity" || die "$EX_USAGE" "--resume: ${last##*/} had another tree, filesystem," \
		"kernel or module, so its results are not of this run: run without --resume"
	for d in "$last"/earlier/*/ "$last"/guest/shard*.d*/; do
		[[ -f $d/tap.log && -f $d/kernel ]] || continue
		k=$(<"$d/kernel") to=$T_DIR/earlier/$(find "$T_DIR/earlier" -name tap.log | wc -l)
		mkdir "$to"
		for f in kernel tap.log result rc; do [[ ! -f $d/$f ]] || cp "$d/$f" "$to/"; done
		while read -r what _ _ _ name; do
			if [[ $what != unfinished && $name == */* ]]; then FST_DONE["$k $name"]=1; fi
		done < <("$VEX_BUILD/env/vexreport" --suite "$k" "$to/tap.log" --list /dev/fd/3 3>&1 >/dev/null)
	done
	note "resuming ${last##*/}: ${#FST_DONE[@]} results are there"
}
