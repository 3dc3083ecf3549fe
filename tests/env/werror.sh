#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# A warning of the compiler fails every build: tools, unit tests, the module, the environment's programs.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

tree=$WORK/tree
mkdir "$tree"
cp -r "$ROOT"/{core,env,include,kmod,lib,tests,tools,Makefile} "$tree/"
kdir=$ROOT/build/kernels/6.1/kdir/

# warns NAME FILE COMMAND...: with an unused function at the end of FILE the command fails and says so.
warns() {
	local name=$1 file=$tree/$2
	shift 2
	cp "$file" "$WORK/saved"
	printf '\nstatic int never_called(void)\n{\n\treturn 1;\n}\n' >>"$file"
	run "$@"
	report "$((STATUS == 0))" "$name: the build fails" "exit code 0"
	says 'never_called.*defined but not used' "$name: because of the warning"
	cp "$WORK/saved" "$file"
}

warns tools tools/mkfs/main.c make -C "$tree" build/obj/tools/mkfs/main.o
warns "unit tests" tests/unit/test_vec.c make -C "$tree" build/asan/tests/unit/test_vec.o
warns "guest tests" tests/guest/names.c make -C "$tree" build/obj/tests/guest/names.o
warns launcher env/launcher/vexqmp.c make -C "$tree/env" OUT="$WORK/env" "$WORK/env/vexqmp"
warns "guest's init" env/guest/init/main.c make -C "$tree/env" OUT="$WORK/env" "$WORK/env/init"

if [[ ! -f $kdir/Makefile ]]; then
	skip "module: the build fails" "kernel 6.1 is not here: ./vex kernel fetch 6.1"
else
	# One file beside core/ is enough.
	printf '// SPDX-License-Identifier: GPL-2.0\n#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' >"$WORK/one.c"
	rm -r "$tree"/kmod/{vec,kunit} "$tree"/kmod/*.c
	find "$tree/kmod/probe" -name '*.c' ! -name 'mnt_*.c' -delete
	cp "$WORK/one.c" "$tree/kmod/one.c"
	module=(make -C "$tree" modules KDIR="$kdir" MODOUT="$WORK/module")
	run "${module[@]}"
	expect 0 "module: without a warning it builds"
	warns module kmod/one.c "${module[@]}"
	printf '\nstatic int never_called(void)\n{\n\treturn 1;\n}\n' >>"$tree/kmod/one.c"
	run "${module[@]}" VEXFS_WERROR=0
	expect 0 "module: VEXFS_WERROR=0 builds all the same"
	says 'never_called.*defined but not used' "module: and shows the warning"
fi
