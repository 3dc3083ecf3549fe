#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Compile every probe against a kernel and write which ones worked.
# Version numbers cannot tell: distributions backport newer interfaces.
# A probe that says "one of: NAME" is one form of an interface. A kernel that has none of the forms of NAME, or on
# which a probe need_*.c does not compile, is refused here, with the names, instead of by the compiler.
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
# The base probe tells a missing interface from a kernel tree that cannot build anything. It includes what the others
# include: a compiler that complains of these headers would make every probe fail.
cat >"$work/base.c" <<'END'
// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/jbd2.h>
extern int probe_base;
int probe_base;
END
objs=()
for f in "$work"/*.c; do
	objs+=("$(basename "${f%.c}").o")
done
# -k: the failures are the answer.
make -k -j"$(nproc)" -C "$kdir" M="$work" "$@" "${objs[@]}" >"$work/log" 2>&1 || :
if [ ! -e "$work/base.o" ]; then
	echo "kmod/probe: the kernel tree $kdir cannot compile a module; the compiler said:" >&2
	grep -m5 -E 'error:|not found|No such file' "$work/log" >&2 || tail -n 20 "$work/log" >&2
	exit 1
fi

# Interfaces without a form that compiles: "NAME (tried: PROBE PROBE)".
missing() {
	local f name g
	for f in "$here"/*.c; do
		name=$(basename "${f%.c}")
		sed -n 's#^/\* one of: \(.*\) \*/$#\1#p' "$f" | sed 's/, /\n/g' | while read -r g; do
			printf '%s|%s|%s\n' "$g" "$name" "$([ -e "$work/$name.o" ] && echo 1 || echo 0)"
		done
		if [ "${name#need_}" != "$name" ] && [ ! -e "$work/$name.o" ]; then printf '%s|%s|0\n' "${name#need_}" "$name"; fi
	done | awk -F'|' '{ tried[$1] = tried[$1] " " $2; found[$1] += $3 }
		END { for (g in tried) if (!found[g]) print "  " g " (tried:" tried[g] ")" }' | sort
}
lacks=$(missing)
if [ -n "$lacks" ]; then
	release=$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' "$kdir/include/generated/utsrelease.h")
	{
		echo "kmod/probe: error: this version of VexFS does not support Linux $release."
		echo "It has these interfaces in no form that VexFS knows, which happens with newer kernels:"
		echo "$lacks"
		echo "Use a newer VexFS or an older kernel. The compiler's words: $work/log"
	} >&2
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
