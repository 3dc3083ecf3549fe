# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex kernel check: is this kernel's tree fit to build the module for it? Cheap questions first, each with its own
# answer; then a small module that includes and links what VexFS needs is compiled. A broken set-up is found here,
# in seconds, and not as the hundredth line of a compiler's complaint.

KC_DIR=$VEX_ROOT/env/kernel/check

# ---- the compiler ---------------------------------------------------------------------------------------

# "gcc-12 (Debian 12.2.0-14) 12.2.0" -> "gcc (Debian 12.2.0-14) 12.2.0": the name it was called by says nothing.
kc_cc_text() {
	local t=$1 name
	name=${t%% *}
	case $name in
	*clang*) name=clang ;;
	*gcc*) name=gcc ;;
	esac
	printf '%s %s' "$name" "${t#* }"
}

# What the kernel's own record says built it.
kernel_cc_record() {
	local f
	for f in "$(kernel_dir "$1")"/kdir/{.config,include/config/auto.conf}; do
		[[ -f $f ]] || continue
		sed -n 's/^CONFIG_CC_VERSION_TEXT="\?\([^"]*\)"\?$/\1/p' "$f"
		return
	done
}

# kernel_cc NAME: the compiler kbuild is going to call.
kernel_cc() {
	local cc
	cc=$(sed -n 's/^CC *= *.*[ )]\([^ )]*\)$/\1/p' "$(kernel_dir "$1")/kdir/.kernelvariables" 2>/dev/null) || true
	if [[ -n $cc ]] && ! kernel_native "$1"; then cc=$(cross_triplet "$(kernel_arch "$1")")-$cc; fi
	if [[ -n $cc ]]; then printf '%s' "$cc"; return; fi
	toolchain_cc "$(kernel_toolchain "$1")"
}

# What brings the compiler: those of other suites are not packages of this machine.
kc_compiler_remedy() {
	if [[ $(kernel_toolchain "$1") == host ]]; then echo ./vex setup kernel; else kc_remedy "$1" | sed 's/ --update//'; fi
}

# kernel_compiler_same NAME: sets KC_CC_HERE and, where they differ, KC_CC_SAYS: what and what to do.
kernel_compiler_same() {
	local cc record here
	KC_CC_HERE='' KC_CC_SAYS=''
	cc=$(kernel_cc "$1")
	record=$(kernel_cc_record "$1")
	here=$(kernel_run "$1" "$cc" --version 2>/dev/null | head -n1) || true
	if [[ -z $here ]]; then
		KC_CC_SAYS="$cc, which built this kernel ($record), is not installed: $(kc_compiler_remedy "$1")"
		return 1
	fi
	KC_CC_HERE=$here
	# Debian builds its cross compilers apart: another revision of the same version is the rule.
	if ! kernel_native "$1" && [[ ${record##* } == "${here##* }" ]]; then return; fi
	[[ -n $record && $(kc_cc_text "$record") != "$(kc_cc_text "$here")" ]] || return 0
	KC_CC_SAYS="this kernel was built by \"$record\", here is \"$here\": modules may misbehave;"
	if [[ ${record##* } == "${here##* }" ]]; then
		KC_CC_SAYS="this kernel was built by \"$record\", here is \"$here\", another revision of the same version:"
	fi
	if kernel_is_stock "$1" && ! kernel_is_host "$1"; then
		KC_CC_SAYS+=" remove $(toolchain_dir "$(kernel_toolchain "$1")") (or name the new compiler in"
		KC_CC_SAYS+=" env/kernel/stock), then ./vex kernel fetch $1 --update"
	elif kernel_is_stock "$1"; then
		KC_CC_SAYS+=" apt-get install $cc, and ./vex kernel fetch $1 --update, bring both up to date"
	else
		KC_CC_SAYS+=" ./vex kernel build $1 builds it anew with this compiler"
	fi
	return 1
}

kernel_compiler_warn() { kernel_compiler_same "$1" || warn "kernel $1: $KC_CC_SAYS"; }

# ---- the tree ----------------------------------------------------------------------------------------------

kc_remedy() {
	if kernel_is_stock "$1"; then printf './vex kernel fetch %s --update' "$1"; else printf './vex kernel build %s' "$1"; fi
}

# Every kc_ function prints nothing when all is well, else what is wrong, and fails.
kc_present() {
	local name=$1 dir f
	dir=$(kernel_dir "$name")
	[[ -d $dir ]] || { echo "is not here: $(kc_remedy "$name" | sed 's/ --update//')"; return 1; }
	if [[ ! -e $dir/kdir/Makefile ]]; then
		echo "has no headers: $dir/kdir leads nowhere (tree moved or half removed): rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
	[[ -f $dir/.complete ]] || { echo "is half made: rm -r $dir && $(kc_remedy "$name" | sed 's/ --update//')"; return 1; }
	if ! kernel_ready "$name"; then
		echo "was moved or made by another version of these scripts (its own record: '$(cat "$dir/.complete" \
			2>/dev/null || echo none)'): rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
	for f in include/generated/autoconf.h include/generated/utsrelease.h include/config/auto.conf Module.symvers scripts/mod/modpost; do
		[[ -s $dir/kdir/$f ]] || { echo "lacks $f in $dir/kdir: rm -r $dir && $(kc_remedy "$name")"; return 1; }
	done
	kc_programs "$name"
}

# kc_programs NAME: kbuild's own programs run, in the toolchain; Debian's are scripts that choose one of modpost.real-*.
kc_programs() {
	local dir f rc
	dir=$(kernel_dir "$1")
	for f in "$dir"/kdir/scripts/mod/modpost{,.real-lsb-64}; do
		[[ -x $f ]] || continue
		rc=0
		kernel_run "$1" "$f" </dev/null >/dev/null 2>&1 || rc=$?
		if ((rc == 126 || rc == 127)) || kernel_run "$1" "$f" </dev/null 2>&1 | grep -q 'GLIBC_.* not found'; then
			echo "has kbuild programs that do not run here ($(uname -m), toolchain $(kernel_toolchain "$1")):" \
				"rm -r $dir && $(kc_remedy "$1")"
			return 1
		fi
	done
}

# The release inside a bzImage: the boot protocol's kernel_version pointer (16 bits at 0x20e, from 0x200).
kc_image_release() {
	local at
	[[ $(dd if="$1" bs=1 skip=514 count=4 status=none | tr -d '\0') == HdrS ]] || return 0
	at=$(od -An -tu2 -j526 -N2 "$1")
	dd if="$1" bs=1 skip=$((at + 512)) count=80 status=none | tr '\0' '\n' | sed -n '1s/ .*//p'
}

kc_release() {
	local name=$1 dir want uts image
	dir=$(kernel_dir "$name")
	want=$(<"$dir/release")
	uts=$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' "$dir/kdir/include/generated/utsrelease.h")
	if [[ $uts != "$want" ]]; then
		echo "has headers of $uts, but is $want: rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
	image=$(kc_image_release "$dir/vmlinuz" 2>/dev/null) || true
	if [[ ! -s $dir/vmlinuz ]]; then
		echo "has no vmlinuz to boot: rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
	if [[ -n $image && $image != "$want" ]]; then
		echo "has a vmlinuz of $image, but headers of $want: rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
	[[ -d $dir/root/lib/modules/$want ]] ||
		{ echo "has no modules in root/lib/modules/$want: rm -r $dir && $(kc_remedy "$name")"; return 1; }
}

# kc_in_range RANGE SERIES: "-" any, "6.12" from that on, "-6.14" up to that.
kc_in_range() {
	case $1 in
	-) return 0 ;;
	-*) [[ $(printf '%s\n' "${1#-}" "$2" | sort -V | head -n1) == "$2" ]] ;;
	*) [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n1) == "$1" ]] ;;
	esac
}

kc_options() {
	local name=$1 opt values since why got series conf bad=()
	series=$(kernel_series "$name")
	conf=$(kernel_dir "$name")/kdir/include/config/auto.conf
	while read -r opt values since why; do
		[[ $opt == CONFIG_* ]] || continue
		kc_in_range "$since" "$series" || continue
		got=$(sed -n "s/^$opt=//p" "$conf")
		if [[ -z $got || $values != *"$got"* ]]; then bad+=("$opt (${got:-not set}; $why)"); fi
	done <"$KC_DIR/options"
	((${#bad[@]})) || return 0
	echo "was configured without what VexFS needs: $(printf '%s, ' "${bad[@]}" | sed 's/, $//');" \
		"add it to a fragment in env/kernel"
	return 1
}

kc_compiler() {
	kernel_compiler_same "$1" || [[ -n $KC_CC_HERE ]] || { echo "cannot be built for: $KC_CC_SAYS"; return 1; }
}

# kc_compile NAME: the stub; sets nothing, prints the first complaint.
kc_compile() {
	local name=$1 work=$VEX_SHARED/kernelcheck/$1 dir magic
	dir=$(kernel_dir "$name")
	rm -rf "$work"
	mkdir -p "$work"
	cp "$KC_DIR"/{Kbuild,stub.c} "$work/"
	# shellcheck disable=SC2046	# words
	if ! kernel_run "$name" make -C "$dir/kdir/" M="$work" CONFIG_DEBUG_INFO_BTF_MODULES= \
		$(kernel_make_args "$name") modules >"$work/log" 2>&1; then
		echo "cannot build a module: $(kc_first_error "$work/log") (all of it: ${work#"$VEX_ROOT"/}/log)"
		return 1
	fi
	magic=$(modinfo -F vermagic "$work/stub.ko" 2>/dev/null | cut -d' ' -f1)
	if [[ $magic != "$(<"$dir/release")" ]]; then
		echo "builds modules for '$magic' and would refuse to load them: rm -r $dir && $(kc_remedy "$name")"
		return 1
	fi
}

kc_first_error() {
	local line
	line=$(grep -m1 -E 'error:|ERROR: modpost|not found|No such file|\*\*\*|No space' "$1") || line=$(tail -n1 "$1")
	printf '%s' "${line#"$VEX_SHARED"/}"
}

# kernel_check_one NAME: one line; 0 when modules can be built for it.
kernel_check_one() {
	local name=$1 step says start
	start=$(now_ms)
	for step in kc_present kc_release kc_options kc_compiler kc_compile; do
		if ! says=$($step "$name"); then
			printf '  %sbroken%s   %s %s\n' "$C_RED" "$C_OFF" "$name" "$says"
			return 1
		fi
	done
	if ! kernel_compiler_same "$name"; then
		printf '  %swarning%s  %s: %s\n' "$C_RED" "$C_OFF" "$name" "$KC_CC_SAYS"
	fi
	printf '  %sok%s       %s: %s, built by %s; a module compiles and links in %s s\n' "$C_GREEN" "$C_OFF" "$name" \
		"$(kernel_release "$name")" "$(kernel_cc_record "$name")" "$(secs $(($(now_ms) - start)))"
}

# kernel_check [NAME...]: without names, every kernel that is here.
kernel_check() {
	local k broken=0 names=("$@")
	if ((${#names[@]} == 0)); then
		mapfile -t names < <(find "$VEX_SHARED/kernels" -mindepth 1 -maxdepth 1 ! -name '*.new' -printf '%f\n' 2>/dev/null | sort -V)
		((${#names[@]})) || die "$EX_NOTHING" "no kernel is here to check: ./vex kernel fetch"
	fi
	need kernel/check
	for k in "${names[@]}"; do
		kernel_known "$k" || { note "build/kernels/$k is not in env/kernel/table: left out"; continue; }
		kernel_check_one "$k" || broken=1
	done
	((broken == 0)) || die "$EX_ENV" "the set-up of the kernels named above is broken: do what their lines say"
}

# What ./vex test asks first: as kernel_check, but a tree that was found good and has not changed is not asked again.
kernel_check_quick() {
	local k stamp
	for k in "$@"; do
		stamp=$(kernel_check_stamp "$k")
		[[ $(cat "$VEX_SHARED/kernelcheck/$k.ok" 2>/dev/null) != "$stamp" ]] || { kernel_compiler_warn "$k"; continue; }
		kernel_check "$k" >&2
		printf '%s\n' "$stamp" >"$VEX_SHARED/kernelcheck/$k.ok"
	done
}

kernel_check_stamp() {
	local dir
	dir=$(kernel_dir "$1")
	stat -Lc '%n %s %Y' "$dir/.complete" "$dir/vmlinuz" "$dir"/kdir/{Makefile,Module.symvers,.config} \
		"$dir/kdir/include/generated/autoconf.h" "$KC_DIR"/* 2>&1 | sha256sum
	kernel_cc_record "$1"
}
