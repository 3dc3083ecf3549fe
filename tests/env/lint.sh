#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# The tree passes the quick linters, and every linter finds what it is there for.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" lint frobnicate
expect 2 "unknown linter"
says "unknown linter 'frobnicate': there are spdx .*checkpatch" "names it and lists the linters"
run "$VEX" lint --quick spdx
expect 2 "--quick together with a linter"
run "$VEX" lint --quick
expect 0 "the tree passes ./vex lint --quick"
says '^9 linters clean, 0 with findings, 0 skipped' "all nine ran"

# A small tree with one fault for each linter.
tree=$WORK/tree
mkdir -p "$tree"/{tools/man,tests/lint,tests/unit,kmod,core,include/vexfs,lib,build}
cp -r "$ROOT"/{vex,env,Makefile,.clang-format,.clang-tidy} "$tree/"
cp -r "$ROOT/tests/lint/cocci" "$tree/tests/lint/"
cp "$ROOT"/tests/env/lib.sh "$tree/tests/"
cp -r "$ROOT/kmod/"{probe,link.sh} "$tree/kmod/"
find "$tree/kmod/probe" -name '*.c' ! -name mnt_idmap.c -delete
printf '/* SPDX-License-Identifier: GPL-2.0 */\n' >"$tree/include/vexfs/none.h"
ln -s "$ROOT/build/kernels" "$tree/build/kernels"
printf '# nothing\n' >"$tree/tests/lint/accepted"
find "$tree/env/image" "$tree/env/vm" "$tree/env/kernels" -name '*.c' -delete
printf 'int unlicensed(void);\n' >"$tree/lib/spdx.h"
{
	printf '// SPDX-License-Identifier: GPL-2.0\nvoid endless(void)\n{\n'
	for ((i = 0; i < 101; i++)); do printf '\tendless();\n'; done
	printf '}\n'
} >"$tree/lib/shape.c"
# shellcheck disable=SC2016
printf '#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0\nrm -rf $1/x\n' >"$tree/tools/shellcheck.sh"
printf '.\\" SPDX-License-Identifier: GPL-2.0\n.Dd January 1, 2026\n.Dt BAD 8\n.Os\n.Sh NAME\n.Nm bad\n.Nd bad\n.Sh SEE ALSO\n.Xr fsck.vexfs 8\n.Frob\n' \
	>"$tree/tools/man/bad.8"
printf '# SPDX-License-Identifier: GPL-2.0\na: 1\na: 2\n' >"$tree/tools/yaml.yml"
{
	printf '// SPDX-License-Identifier: GPL-2.0\nint f(int a)\n{\n'
	for ((i = 0; i < 12; i++)); do printf '  if( a==%d ){ return %d; }\n' $i $i; done
	printf '  return 0;\n}\n'
} >"$tree/lib/format.c"
printf '// SPDX-License-Identifier: GPL-2.0\nint f(void);\nint f(void)\n{\n\tint a[4];\n\n\ta[3] = 1;\n\ta[4] = 2;\n\treturn a[3];\n}\n' \
	>"$tree/lib/cppcheck.c"
printf '// SPDX-License-Identifier: GPL-2.0\n#include <stdlib.h>\n\nint f(int n);\nint f(int n)\n{\n\tint *p = malloc(4);\n\n\tfree(p);\n\treturn n + *p;\n}\n' \
	>"$tree/lib/tidy.c"
cp "$ROOT/tests/lint/bad/leaks.c" "$tree/core/leaks.c"
printf '// SPDX-License-Identifier: GPL-2.0\n#include <linux/module.h>\n\nstatic __le32 a;\nint vexfs_sparse(int n);\nint vexfs_sparse(int n)\n{\n\ta = n;\n\treturn a;\n}\nMODULE_LICENSE("GPL");\n' \
	>"$tree/kmod/sparse.c"
printf '# SPDX-License-Identifier: GPL-2.0\nobj-m := vexfs.o\nvexfs-y := kmod/sparse.o\n' >"$tree/kmod/Kbuild"

# finds LINTER REGEX
finds() {
	run env VEX_LINT_SHOW=1000 "$tree/vex" lint --no-install "$1"
	expect 1 "$1 fails on its fault"
	says "$2" "... and says where and what"
}
finds spdx '^ +lib/spdx\.h:1: \[spdx\]'
finds shape 'lib/shape\.c:3: \[long-function\] endless\(\) has 10[0-9] lines'
finds shellcheck 'tools/shellcheck\.sh:3: \[SC2086\]'
finds man 'tools/man/bad\.8:10: \[ERROR\].*Frob'
says 'tools/man/bad\.8:9: \[dead-link\] there is no fsck\.vexfs\(8\)' "... and the link that leads nowhere"
finds yaml 'tools/yaml\.yml:3: \[key-duplicates\]'
finds format 'lib/format\.c:1: \[format\] [0-9]+ of 17 lines'
finds cppcheck 'lib/cppcheck\.c:8: \[arrayIndexOutOfBounds\]'
finds tidy 'lib/tidy\.c:10: \[clang-analyzer-unix\.Malloc\] Use of memory after it is freed'
finds sparse 'kmod/sparse\.c:8: \[sparse\] incorrect type in assignment'
finds cocci 'core/leaks\.c:12: \[handle\] handle: the handle of line 5 is not stopped'
# The semantic patches find what the file says they must, and nothing in the functions that do it right.
want=$(grep -n 'finding: ' "$ROOT/tests/lint/bad/leaks.c" | sed -E 's/^([0-9]+):.*finding: ([a-z]+).*/core\/leaks.c:\1: [\2]/' | sort)
got=$(grep -oE 'core/leaks\.c:[0-9]+: \[[a-z]+\]' "$WORK/out" | sort)
if [[ -n $want && $got == "$want" ]]; then report 0 "each semantic patch finds its fault, and no other"
else report 1 "each semantic patch finds its fault, and no other"; printf '# wanted: %s\n' "$want"; fi

# An accepted finding does not count; an exception nobody needs, or without a reason, does.
printf 'spdx lib/spdx\\.h spdx . made up for this test\n' >"$tree/tests/lint/accepted"
run "$tree/vex" lint --no-install spdx
expect 0 "an accepted finding"
says 'ok +spdx: 1 accepted' "is counted as such"
# shellcheck disable=SC2016
run bash -c '. "$1/env/lib/ui.sh"; LINT_DIR=$2; mkdir -p "$2"; VEX_ROOT=$1; . "$1/env/lib/lint.sh"; printf "spdx lib/gone . .\n" >>"$LINT_ACCEPTED"
	printf "spdx lib/gone . . reason\n" >>"$LINT_ACCEPTED"; lint_unused spdx' x "$tree" "$WORK/unused"
says 'accepted:2: \[accepted\] has no reason' "an exception without a reason is a finding"
says 'accepted:3: \[accepted\] matches no finding' "so is one that nothing needs"

# A linter that is not installed is skipped with the reason; when nothing ran that is no success.
mkdir "$WORK/bin"
ln -sf /usr/sbin/* /usr/bin/* "$WORK/bin/" 2>/dev/null
rm -f "$WORK/bin/cppcheck"
run env PATH="$WORK/bin" "$tree/vex" lint --no-install cppcheck
expect 7 "a linter that is not installed: nothing ran"
says 'skipped +cppcheck: cppcheck is not installed: ./vex setup lint' "and the line says what to type"
