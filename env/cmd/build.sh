# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: only build, with a verdict

cmd_help() {
	cat <<'EOF'
usage: ./vex build [OPTION]...

Builds the tools, and the module for each kernel, and says for each what came out of it. Nothing is run, unless
--check runs the unit tests. ./vex run, shell and test build what they need themselves. In another module (./vex init)
it is that one that is built, with --kernel only.

  --kernel NAME         kernels to build the module for (names, 'all', 'stock', 'debug'; repeatable) [stock]
  --only WHAT           tools or module [both]
  --cc COMPILER         gcc or clang [gcc; for the module the compiler that built the kernel]
  --arch ARCH           amd64 or arm64: by Debian's cross compiler, with headers and libraries of that architecture
                        unpacked under build/arm64; stock kernels only [amd64]
  --check               the unit tests too, without sanitizers but for gcc on amd64; for arm64 those of the code that
                        may depend on the processor (formats, arithmetic, distances), under qemu-user
  --json                one object on standard output, all else on standard error (docs/json.md)
  --no-install, -v

Ends with 6 when something does not build, 1 when a unit test fails.

examples:
  ./vex build --kernel 6.12 --cc clang
  ./vex build --arch arm64 --check
EOF
}

B_BAD=0
verdict_ok() { printf '  %sok%s       %s\n' "$C_GREEN" "$C_OFF" "$*"; }
verdict_bad() { printf '  %sfailed%s   %s\n' "$C_RED" "$C_OFF" "$*"; B_BAD=1; }

# build_one LABEL LOG RESULT MAKE-ARGUMENT...
build_one() {
	local label=$1 log=$VEX_BUILD/log/$2.log result=$3 start
	shift 3
	start=$(now_ms)
	need_space "$VEX_BUILD" 200 "$label"
	if ! quietly "$label" "$log" kernel_run "${BUILD_FOR:-6.1}" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory "$@"; then
		verdict_bad "$label: correct what the lines above name (all of it: ${log#"$VEX_ROOT"/})"
	elif [[ ! -e $result ]]; then
		verdict_bad "$label: make succeeded but left no ${result#"$VEX_ROOT"/}"
	else
		verdict_ok "$label: ${result#"$VEX_ROOT"/}, $(($(stat -Lc %s "$result") / 1024)) KB," \
			"$(grep -ciE '\bwarning:' "$log") warnings, $(secs $(($(now_ms) - start))) s"
	fi
}

build_for_arch() {
	cross_sysroot_need "$B_ARCH"
	mapfile -t B_ARGS < <(cross_make_args "$B_ARCH")
	B_OUT=$(cross_dir "$B_ARCH")
}

build_by_clang() {
	B_ARGS=(CC="${VEX_CLANG:-clang-19}" BUILD=build/clang SANITIZE=)
	B_OUT=$VEX_BUILD/clang
}

# The variables of this compiler and architecture, in B_ARGS, and where their output goes, in B_OUT.
build_setup() {
	B_ARGS=() B_OUT=$VEX_BUILD B_TAG="$B_CC, $B_ARCH"
	if [[ $B_ARCH != amd64 ]]; then build_for_arch; elif [[ $B_CC == clang ]]; then build_by_clang; fi
}

build_module_for() {
	local k=$1 out args=() kdir BUILD_FOR=$1
	kdir=$(kernel_dir "$k")/kdir/
	out=$B_OUT/kmod/$k
	if [[ $B_ARCH != amd64 ]]; then
		cross_kernel_need "$B_ARCH" "$k"
		kdir=$(cross_kernel_dir "$B_ARCH" "$k")/kdir/
		args=(KMAKE_ARGS="ARCH=$B_ARCH CROSS_COMPILE=$(cross_triplet "$B_ARCH")-")
	elif [[ $B_CC == clang ]]; then
		args=(KMAKE_ARGS="CC=$VEX_ROOT/env/kernel/clang-cc $(kernel_make_args "$k")")
	else
		kernel_compiler_warn "$k"
		out=$(module_dir "$k")
		args=(KMAKE_ARGS="$(kernel_make_args "$k")")
		if module_debug "$k"; then args+=(VEXFS_DEBUG=1); fi
	fi
	build_one "module for $k ($B_TAG)" "build-module-$k-$B_CC-$B_ARCH" "$out/vexfs.ko" modules KDIR="$kdir" \
		MODOUT="$out" "${args[@]}"
}

build_unit_tests() {
	local label="unit tests ($B_TAG)" log=$VEX_BUILD/log/build-check-$B_CC-$B_ARCH.log programs=() line rc=0 t
	for t in "$VEX_ROOT"/tests/unit/test_*.c; do
		t=$(basename "$t" .c)
		if [[ $B_ARCH == amd64 || " ${CROSS_TESTS[*]} " == *" $t "* ]]; then programs+=("$B_OUT/unit/$t"); fi
	done
	build_one "$label" "build-unit-$B_CC-$B_ARCH" "$B_OUT/unit/test_vec" "${B_ARGS[@]}" all "${programs[@]/#"$VEX_ROOT"\//}"
	((B_BAD == 0)) || return 0
	local bin=$B_OUT/bin
	if [[ $B_ARCH != amd64 ]]; then
		mapfile -t programs < <(cross_runner "$B_ARCH" "${programs[@]}")
		# Tests of a tool call the tool: under emulation too.
		cross_runner "$B_ARCH" "$bin"/* >/dev/null
		bin=$(cross_dir "$B_ARCH")/emulated
	fi
	quietly "$label" "$log" env -C "$VEX_ROOT" VEXFS_BIN="$bin" tests/unit/run.sh "${programs[@]}" || rc=$?
	line=$(tail -n1 "$log")
	if ((rc == 0)); then verdict_ok "$label: $line"; return; fi
	printf '  %sfailed%s   %s\n' "$C_RED" "$C_OFF" "$label: $line (${log#"$VEX_ROOT"/})"
	B_TESTS_FAILED=1
}

# build_foreign KERNEL...: another module than VexFS, for each kernel.
build_foreign() {
	local k start ko
	kernel_wants "$@"
	need build "${WANTS[@]}"
	kernel_need "$@"
	for k; do
		start=$(now_ms) ko=$(module_path "$k")
		# In the background, because within a condition set -e is not obeyed.
		(set -e; trap - INT QUIT; build_module "$k") &
		if wait "$!"; then
			verdict_ok "module for $k: $ko, $(($(stat -Lc %s "$ko") / 1024)) KB, $(secs $(($(now_ms) - start))) s"
		else
			verdict_bad "module for $k"
		fi
	done
	((B_BAD == 0)) || die "$EX_ENV" "something did not build: see above"
}

cmd_main() {
	local names=() only='' check=0 k
	B_CC=gcc B_ARCH=amd64 B_TESTS_FAILED=0
	while (($#)); do
		case $1 in
		--kernel | --only | --cc | --arch) need_value "$1" $# ;;&
		--kernel) names+=("$2"); shift ;;
		--only) [[ $2 =~ ^(tools|module)$ ]] || usage_error "--only $2: use tools or module"; only=$2; shift ;;
		--cc) [[ $2 =~ ^(gcc|clang)$ ]] || usage_error "--cc $2: use gcc or clang"; B_CC=$2; shift ;;
		--arch) [[ " amd64 ${CROSS_ARCHS[*]} " == *" $2 "* ]] || usage_error "--arch $2: use amd64 or ${CROSS_ARCHS[*]}"
			B_ARCH=$2; shift ;;
		--check) check=1 ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	[[ $B_CC == gcc || $B_ARCH == amd64 ]] || usage_error "--cc clang --arch $B_ARCH: the cross build is gcc's"
	[[ $only != module || $check == 0 ]] || usage_error "--check runs the unit tests of the tools: not with --only module"
	local expanded
	if ((${#names[@]} == 0)); then
		names=(default)
		module_is_own || names=("$(module_kernels)")
	fi
	expanded=$(for k in "${names[@]}"; do kernel_parse "$k" || exit; done) || exit
	mapfile -t names < <(grep . <<<"$expanded")
	if ! module_is_own; then
		[[ $B_ARCH/$B_CC/$check$only == amd64/gcc/0 ]] ||
			usage_error "of ${MODULE[name]} ./vex build builds the module: only --kernel is for it"
		build_foreign "${names[@]}"
		return
	fi
	for k in "${names[@]}"; do
		[[ $B_ARCH == amd64 ]] || { kernel_is_host "$k" && kernel_native "$k"; } ||
			usage_error "--arch $B_ARCH: only Debian 12's own kernels ($(kernel_default_names | tr '\n' ' ')), not $k"
		[[ $B_CC == gcc ]] || kernel_native "$k" || usage_error "--cc clang: the cross build for $k is gcc's"
		[[ $B_CC == gcc || $(kernel_toolchain "$k") == host ]] ||
			usage_error "--cc clang: $k is built in user space of another Debian, by $(kernel_toolchain "$k")"
	done
	((check == 0)) || WANTS+=(--check)
	if [[ $B_ARCH != amd64 ]]; then WANTS+=("--arch=$B_ARCH"); elif [[ $B_CC == clang ]]; then WANTS+=(--cc=clang); fi
	if [[ $only != tools && $B_ARCH == amd64 ]]; then kernel_wants "${names[@]}"; fi
	need build "${WANTS[@]}"
	build_setup
	if [[ $only != module ]]; then
		build_one "tools ($B_TAG)" "build-tools-$B_CC-$B_ARCH" "$B_OUT/bin/vexctl" "${B_ARGS[@]}" all
		((check == 0)) || build_unit_tests
	fi
	if [[ $only != tools ]]; then
		if [[ $B_ARCH == amd64 ]]; then kernel_need "${names[@]}"; fi
		for k in "${names[@]}"; do build_module_for "$k"; done
	fi
	((B_BAD == 0)) || die "$EX_ENV" "something did not build: see above"
	((B_TESTS_FAILED == 0)) || return "$EX_FAILED"
}
