#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Who may call whom: the filesystem half calls the vector half through the functions that kmod/vexfs.h lists at its end,
# core/ calls neither. Asked of the symbols of the compiled module, so that no header can hide a call.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" build --only module --kernel 6.1
expect 0 "the module is built"
objects=$ROOT/build/kmod/6.1

# symbols nm-OPTION FILE...: names, without those the tracepoints of vec/trace.h consist of
symbols() {
	nm "$1" "${@:2}" | awk 'NF >= 2 && $(NF - 1) ~ /^[A-TV-ZU]$/ { print $NF }' | grep -vE '^__(tracepoint|SC[KT]__tp_func|traceiter)_' | sort -u
}
# calls FROM TO: symbols that the objects of the array FROM use and those of TO define
calls() {
	local -n from=$1 to=$2
	comm -12 <(symbols -u "${from[@]}") <(symbols --defined-only "${to[@]}")
}
# shellcheck disable=SC2034	# by name
{
	filesystem=("$objects"/kmod/*.o) vector=("$objects"/kmod/vec/*.o) core=("$objects"/core/*.o)
	kmod=("${filesystem[@]}" "${vector[@]}")
}

# The list in the header: from its comment to the end.
sed -n '/^ \* The vector half, kmod\/vec\/:/,$p' "$ROOT/kmod/vexfs.h" | grep -v '^ \*' | grep -oE '\bvexfs_[a-z_]+\b *[([;]' |
	tr -d ' ([;' | sort -u >"$WORK/listed"
calls filesystem vector >"$WORK/called"
calls core kmod >"$WORK/up"
diff "$WORK/listed" "$WORK/called" >"$WORK/out" && [[ -s $WORK/called ]]
report $? "the filesystem half calls what the end of kmod/vexfs.h lists, no less and no more"
cp "$WORK/up" "$WORK/out"
report "$([[ ! -s $WORK/up ]]; echo $?)" "core/ calls nothing of kmod/"
grep -nE '^#include' "$ROOT"/core/*.[ch] | grep -vE '"(core/|vexfs/ondisk\.h|lib/userland\.h)|core/platform\.h:|<(immintrin|emmintrin|arm_neon|asm/neon-intrinsics)\.h>' >"$WORK/out"
report "$([[ ! -s $WORK/out ]]; echo $?)" "core/ includes itself and the disk format only"
