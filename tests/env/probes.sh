#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# A kernel that is too new is refused with the interfaces it has in no known form; a tree that cannot compile anything
# is told in one message, and not as the failure of every probe.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

"$VEX" kernel fetch 6.1 >/dev/null 2>&1
kdir=$ROOT/build/kernels/6.1/kdir
if [[ ! -e $kdir/Makefile ]]; then skip "probes" "kernel 6.1 cannot be had"; exit 0; fi

# Few of the probes, so that this takes seconds; the forms of one interface do not compile any more.
mkdir "$WORK/kmod"
cp "$ROOT"/kmod/probe/{run.sh,Kbuild,mkdir_dentry.c,mkdir_int.c,mkwrite_plain.c,mkwrite_private.c,need_ioend.c} "$WORK/kmod/"
run "$WORK/kmod/run.sh" "$kdir" "$WORK/probe" "$WORK/config.h"
expect 0 "a kernel that has one form of each interface"
grep -q '^#define VEXFS_HAVE_MKDIR_INT 1' "$WORK/config.h" && grep -q 'undef VEXFS_HAVE_MKDIR_DENTRY' "$WORK/config.h"
report $? "the header says which"

for f in mkdir_dentry mkdir_int need_ioend; do sed -i '1a #error newer' "$WORK/kmod/$f.c"; done
rm "$WORK/config.h"
run "$WORK/kmod/run.sh" "$kdir" "$WORK/probe" "$WORK/config.h"
expect 1 "a kernel with another form"
says 'does not support Linux 6\.1\.' "is refused by its release"
says '^  mkdir \(tried: mkdir_dentry mkdir_int\)$' "with the interface and what was tried"
says '^  ioend \(tried: need_ioend\)$' "one that has had one form so far, too"
if grep -q 'mkwrite' "$WORK/out"; then report 1 "and nothing else"; else report 0 "and nothing else"; fi
[[ ! -e $WORK/config.h && $(wc -l <"$WORK/out") -le 8 ]]
report $? "in a few lines, and without a header that says otherwise"

run env KCFLAGS="-Werror=no-such-warning-at-all" "$WORK/kmod/run.sh" "$kdir" "$WORK/probe" "$WORK/config.h"
expect 1 "a compiler that cannot compile the kernel's headers"
says 'cannot compile a module; the compiler said:' "is said as such"
if grep -q 'does not support Linux' "$WORK/out"; then new=1; else new=0; fi
report "$new" "and not as a new kernel"
