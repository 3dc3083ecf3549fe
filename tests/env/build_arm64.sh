#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds for another architecture and by another compiler. Minutes, and downloads of some 15 MB: runs with --full.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" build --arch sparc
expect 2 "unknown architecture"
run "$VEX" build --arch arm64 --cc clang
expect 2 "clang for arm64 is refused"
run "$VEX" build --arch arm64 --kernel debug-6.1
expect 2 "arm64 for a kernel built here is refused"

# The compiler is a package of this machine's architecture, which the build may install.
foreign() {
	dpkg --print-foreign-architectures
	dpkg-query -W -f '${Package}:${Architecture}\n' | grep -vE ":(all|$(dpkg --print-architecture))$" || true
}
before=$(foreign)
run "$VEX" build --arch arm64 --check
expect 0 "./vex build --arch arm64 --check"
says 'ok +tools \(gcc, arm64\): build/arm64/bin/vexctl' "tools"
says 'ok +unit tests \(gcc, arm64\): [1-9][0-9]* passed, 0 failed' "unit tests pass under emulation"
cp "$WORK/out" "$WORK/check"
for k in 6.1 6.12; do
	cp "$WORK/check" "$WORK/out"
	says "ok +module for $k \\(gcc, arm64\\): build/arm64/kmod/$k/vexfs\\.ko, .* 0 warnings" "module for $k, without a warning"
	run readelf -h "$ROOT/build/arm64/kmod/$k/vexfs.ko"
	says 'Machine: +AArch64$' "... it is for arm64"
	run modinfo -F vermagic "$ROOT/build/arm64/kmod/$k/vexfs.ko"
	says "^${k//./\\.}\\..*-cloud-arm64 .*aarch64" "... and for Debian's kernel"
	run nm "$ROOT/build/arm64/kmod/$k/vexfs.ko"
	if grep -qE 'avx2|sse2' "$WORK/out"; then report 1 "... without x86's SIMD units"; else report 0 "... without x86's SIMD units"; fi
	says 'vexfs_simd_neondot$' "... with arm64's"
done
run readelf -h "$ROOT/build/arm64/bin/mkfs.vexfs"
says 'Machine: +AArch64$' "mkfs.vexfs is for arm64"
report "$([[ $(foreign) == "$before" ]]; echo $?)" "dpkg knows no more foreign architectures and packages than before"

run "$VEX" build --cc clang --check
expect 0 "./vex build --cc clang --check"
says 'ok +unit tests \(clang, amd64\): [1-9][0-9]* passed, 0 failed' "unit tests pass"
for k in 6.1 6.12; do
	says "ok +module for $k \\(clang, amd64\\): build/clang/kmod/$k/vexfs\\.ko, .* 0 warnings" "module for $k, without a warning"
done
# The module clang made does the same as gcc's.
# shellcheck disable=SC2016	# the guest expands it
printf '#!/bin/sh\nset -e\ninsmod /vexfs.ko\nmkfs.vexfs -q "$VEX_DISK_T"\nmkdir -p /tmp/m\nmount -t vexfs "$VEX_DISK_T" /tmp/m\n%s\n' \
	'echo hello >/tmp/m/f
umount /tmp/m
mount -t vexfs "$VEX_DISK_T" /tmp/m
read -r x </tmp/m/f
umount /tmp/m
echo "clang: $x"' >"$WORK/clang.sh"
run "$VEX" vm --kernel 6.12 --disk t=64M --module none --file /vexfs.ko="$ROOT/build/clang/kmod/6.12/vexfs.ko" "$WORK/clang.sh"
expect 0 "the module clang built runs in a guest"
says '^clang: hello' "mkfs, mount, write, remount, read"
