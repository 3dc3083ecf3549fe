# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Modules in Rust for a stock kernel. Debian's own kernels have CONFIG_RUST=y since 6.18, but their header packages lack
# what a module in Rust is compiled against (the crates' metadata, target.json, libmacros.so). The source package has
# it: prepared with the kernel's own configuration by the same rustc, it builds modules that the unmodified kernel loads.
# Built here: the kernel's sample rust_minimal, into the unpacked kernel's own modules, for tests/guest/rust.

# kernel_rust_same NAME: the toolchain's rustc is the one that built this kernel: crates of another do not link with it.
kernel_rust_same() {
	local want here
	want=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="rustc \([0-9.]*\).*/\1/p' "$(kernel_dir "$1")/config")
	grep -qx CONFIG_RUST=y "$(kernel_dir "$1")/config" || want=''
	[[ -n $want ]] || die "$EX_ENV" "kernel $1 ($(kernel_release "$1")) has no CONFIG_RUST; ./vex kernel rust backports"
	here=$(toolchain_run rust rustc --version | cut -d' ' -f2)
	[[ $want == "$here" ]] || die "$EX_ENV" "kernel $1 was built by rustc $want, Debian $RUST_SUITE has $here:" \
		"modules of one do not load into a kernel of the other; ./vex kernel rust backports"
}

# kernel_rust_make NAME SOURCE OBJ ARG...: kbuild as it made the stock kernel. Its configuration depends on the version of
# pahole, so a script prints that of Debian's; no BTF is made.
kernel_rust_make() {
	local name=$1 src=$2 obj=$3 v
	shift 3
	v=$(sed -n 's/^CONFIG_PAHOLE_VERSION=//p' "$(kernel_dir "$name")/config")
	printf '#!/bin/sh\necho v%d.%02d\n' "$((v / 100))" "$((v % 100))" >"$obj/pahole"
	chmod +x "$obj/pahole"
	toolchain_run rust make -C "$src" O="$obj" CC="$(kernel_cc "$name")" HOSTCC=gcc PAHOLE="$obj/pahole" LOCALVERSION= \
		KERNELRELEASE="$(kernel_release "$name")" CONFIG_DEBUG_INFO_BTF= CONFIG_DEBUG_INFO_BTF_MODULES= -j"$JOBS" "$@"
}

# kernel_rust NAME: prepares the source once per release; then the sample takes seconds.
kernel_rust() {
	local name=$1 dir release src obj log=$VEX_BUILD/log/rust-$1.log
	dir=$(kernel_dir "$name") release=$(kernel_release "$name")
	kernel_rust_same "$name"
	src=$(kernel_source "$(kernel_series "$name")" "$(kernel_stock_field "$name" suite)") || exit
	obj=$VEX_CACHE/kbuild/rust-$release
	mkdir -p "$obj/sample"
	if [[ ! -f $obj/.prepared ]]; then
		cp "$dir/config" "$obj/.config"
		quietly "preparing $release for Rust" "$log" kernel_rust_make "$name" "$src" "$obj" olddefconfig modules_prepare ||
			die "$EX_ENV" "the source of $release could not be prepared (all of it: ${log#"$VEX_ROOT"/})"
		: >"$obj/.prepared"
	fi
	cp "$dir/kdir/Module.symvers" "$obj/"
	cp "$src/samples/rust/rust_minimal.rs" "$obj/sample/"
	echo 'obj-m := rust_minimal.o' >"$obj/sample/Kbuild"
	quietly "building rust_minimal" "$log" kernel_rust_make "$name" "$src" "$obj" M="$obj/sample" modules ||
		die "$EX_ENV" "rust_minimal could not be built (all of it: ${log#"$VEX_ROOT"/})"
	install -D -m 644 "$obj/sample/rust_minimal.ko" "$dir/root/lib/modules/$release/kernel/samples/rust/rust_minimal.ko"
	depmod -b "$dir/root" "$release"
	touch "$dir/.complete"		# the initramfs is older now
	say "rust_minimal.ko for $release: ./vex test --only guest --kernel $name --filter '^rust\$'"
}
