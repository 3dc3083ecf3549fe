#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# needs: kernel=rust mem=512M time=60
#
# A kernel with Rust: it says so itself, and the in-tree sample module is loaded, prints, is unloaded, prints. Debian's
# own kernels have Rust since 6.18 and the sample once ./vex kernel rust NAME has built it.
n=0
check() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fi
}
# The lines the sample printed since the mark.
lines() { dmesg | sed -n '/vexfs-rust-mark/,$p' | grep -c "$1"; }

echo 1..9
if [ -e /proc/config.gz ]; then
	zcat /proc/config.gz | grep -q '^CONFIG_RUST=y$'
	check $? "/proc/config.gz says CONFIG_RUST=y"
	echo "# $(zcat /proc/config.gz | grep CONFIG_RUSTC_VERSION_TEXT)"
else
	echo "ok $((n = n + 1)) the configuration # SKIP this kernel has no /proc/config.gz"
fi
count=$(grep -c ' _R[A-Za-z0-9_]*6kernel' /proc/kallsyms)
echo "# $(uname -r): $count symbols of the crate kernel"
[ "$count" -gt 0 ]
check $? "the crate kernel is in the kernel"
if [ ! -e /proc/config.gz ] && ! grep -q 'rust_minimal\.ko' "/lib/modules/$(uname -r)/modules.dep"; then
	for i in 3 4 5 6 7 8 9; do echo "ok $i the sample module # SKIP not built: ./vex kernel rust NAME"; done
	exit
fi
echo vexfs-rust-mark >/dev/kmsg
modprobe rust_minimal
check $? "the Rust sample module loads"
grep -q '^rust_minimal ' /proc/modules
check $? "it is in /proc/modules"
[ "$(lines 'rust_minimal: Rust minimal sample (init)')" = 1 ]
check $? "it printed from its init"
[ "$(lines 'rust_minimal: Am I built-in? false')" = 1 ]
check $? "it knows that it is a module"
rmmod rust_minimal
check $? "it unloads"
[ "$(lines 'rust_minimal: My numbers are \[72, 108, 200\]')" = 1 ]
check $? "it kept its numbers until then"
! grep -q '^rust_minimal ' /proc/modules
check $? "it is gone"
dmesg | sed -n '/vexfs-rust-mark/,$p' | grep rust_minimal | sed 's/^/# /'
