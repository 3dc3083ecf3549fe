#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Compile every probe against a kernel and write which ones worked.
# Version numbers cannot tell: distributions backport newer interfaces.
# usage: run.sh KDIR WORKDIR OUTPUT.h [make arguments...]
set -euo pipefail
unset CDPATH

here=$(cd "$(dirname "$0")" && pwd)
kdir=$1 work=$2 out=$3
shift 3

mkdir -p "$work"
work=$(cd "$work" && pwd)	# kbuild changes directory
# Probe again only if the kernel, the compiler or a probe changed.
stamp=$(cat "$here"/*.c "$kdir/include/generated/utsrelease.h" "$kdir/include/generated/autoconf.h" \
	"$0" <(printf '%s\n' "$@") | sha256sum | cut -c1-64)
if [ -s "$out" ] && grep -qs "$stamp" "$out"; then
	exit 0
fi

cp "$here"/*.c "$here/Kbuild" "$work/"
rm -f "$work"/*.o
printf '%s\n' '// SPDX-License-Identifier: GPL-2.0' 'extern int probe_base;' 'int probe_base;' >"$work/base.c"
objs=()
for f in "$work"/*.c; do
	objs+=("$(basename "${f%.c}").o")
done
# -k: the failures are the answer. The base probe tells a missing interface
# from a kernel tree that cannot build anything.
make -k -C "$kdir" M="$work" "$@" "${objs[@]}" >"$work/log" 2>&1 || :
if [ ! -e "$work/base.o" ]; then
	echo "kmod/probe: the kernel tree $kdir cannot compile a module; the compiler said:" >&2
	tail -n 20 "$work/log" >&2
	exit 1
fi
{
	echo "/* Made by kmod/probe/run.sh from $stamp */"
	for f in "$here"/*.c; do
		name=$(basename "${f%.c}")
		macro=VEXFS_HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]')
		if [ -e "$work/$name.o" ]; then
			echo "#define $macro 1"
		else
			echo "/* #undef $macro */"
		fi
	done
} >"$out.tmp"
mv "$out.tmp" "$out"
