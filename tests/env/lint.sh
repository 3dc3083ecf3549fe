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
says '^10 linters clean, 0 with findings, 0 skipped' "all ten ran"

# A small tree with one fault for each linter.
tree=$WORK/tree
mkdir -p "$tree"/{tools/man,tests/lint,tests/unit,kmod,core,include/vexfs,lib,build}
cp -r "$ROOT"/{vex,env,Makefile,.clang-format,.clang-tidy} "$tree/"
cp -r "$ROOT/tests/lint/cocci" "$tree/tests/lint/"
cp "$ROOT"/tests/env/lib.sh "$tree/tests/"
cp -r "$ROOT/kmod/"{probe,link.sh} "$tree/kmod/"
find "$tree/kmod/probe" -name '*.c' ! -name 'mnt_*.c' -delete
printf '/* SPDX-License-Identifier: GPL-2.0 */\n' >"$tree/include/vexfs/none.h"
ln -s "$ROOT/build/kernels" "$tree/build/kernels"
printf '# nothing\n' >"$tree/tests/lint/accepted"
find "$tree/env/image" "$tree/env/launcher" "$tree/env/guest" "$tree/env/kernel" -name '*.c' -delete
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

# What a command calls, and its needs do not have: each fault alone, in a copy of the scripts.
scripts() {
	rm -rf "$WORK/scripts"
	mkdir "$WORK/scripts"
	cp -r "$ROOT"/{vex,env,bench,packaging} "$WORK/scripts/"
}
# needs_fault REGEX NAME SED FILE: with SED on FILE
needs_fault() {
	scripts
	sed -i -E "$3" "$WORK/scripts/$4"
	run env VEX_LINT_SHOW=1000 "$VEX" lint --no-install --tree "$WORK/scripts" needs
	expect 1 "needs: $2"
	says "$1" "... and says where and what"
}
scripts
run "$VEX" lint --no-install --tree "$WORK/scripts" needs
expect 0 "needs: the scripts as they are"
needs_fault 'env/lib/guest\.sh:[0-9]+: \[needs\] \./vex shell uses gcc, and its needs lack package gcc \(env_build < vm_need < cmd_main\)' \
	"a group is missing" '/^shell +- /s/build,/ /' env/needs.list
needs_fault '\./vex kernel/build kernel-build uses rsync, and its needs lack package rsync' "an option's group is missing" \
	'/kernel-build /s/,kbuild/       /' env/needs.list
needs_fault "clean\.sh:[0-9]+: \[needs\] \./vex clean calls frobnicate, which no row" "an unknown program, behind if !" \
	's/^cmd_main\(\) \{/&\n\tif ! frobnicate 2>\/dev\/null; then :; fi/' env/cmd/clean.sh
# shellcheck disable=SC2016	# sed writes it
needs_fault "\./vex clean calls frobnicate" "in a substitution, in quotes, behind wrappers" \
	's/^cmd_main\(\) \{/&\n\techo "$(quietly a b env A=1 timeout -k 5 9 frobnicate -x)"/' env/cmd/clean.sh
needs_fault "\./vex clean calls frobnicate" "in a pipe, by xargs" 's/^cmd_main\(\) \{/&\n\tfind . | xargs -0 -n 4 frobnicate/' env/cmd/clean.sh
needs_fault "\./vex clean calls frobnicate" "in a string for a shell" "s/^cmd_main\\(\\) \\{/&\\n\\tbash -c 'a=1; frobnicate'/" env/cmd/clean.sh
needs_fault "\./vex clean uses xz" "by tar" 's/^cmd_main\(\) \{/&\n\ttar -xJf a/' env/cmd/clean.sh
needs_fault "\./vex clean uses gdb" "by an array" 's/^cmd_main\(\) \{/&\n\tlocal c=(gdb -q)\n\t"\$\{c[@]}"/' env/cmd/clean.sh
needs_fault "packaging/deb/build\.sh:[0-9]+: .*\./vex image/build calls frobnicate" "in a script that it runs" \
	's/^set -euo pipefail/&\nfrobnicate/' packaging/deb/build.sh
needs_fault "env/needs\.list:[0-9]+: .*no group 'bulid'" "a group that does not exist" 's/^(run .*)build/\1bulid/' env/needs.list
needs_fault "env/tools\.list:[0-9]+: .*clang-19: no command needs group 'clang'" "a row that nothing needs" '/--cc=clang/d' env/needs.list
needs_fault 'nothing that it runs says "need ssh"' "a command that asks for nothing" '/^\tneed ssh$/d' env/cmd/ssh.sh
needs_fault 'vex:1: .*usr/sbin.* depmod' "a PATH without sbin" '/^export PATH=/d' vex
# The tree before env/needs.list, whose faults a bare machine has shown: F1 to F7 and F10.
if git -C "$ROOT" cat-file -e "7227689^{commit}" 2>/dev/null; then
	rm -rf "$WORK/scripts"
	mkdir "$WORK/scripts"
	git -C "$ROOT" archive 7227689 vex env bench packaging | tar -x -C "$WORK/scripts"
	run env VEX_LINT_SHOW=1000 "$VEX" lint --no-install --tree "$WORK/scripts" needs
	expect 1 "needs: the tree in which commands failed on a bare machine"
	for f in 'vex:1: .*depmod' 'vex:1: .*modinfo' 'vex:1: .*sfdisk' 'image/build uses make' 'image/build uses busybox' \
		'image/build uses libxxhash-dev' 'image/build uses uidmap' 'image/validate uses make' \
		'lint uses libjson-c-dev' 'bench/vectors uses gcc' 'bench/vectors uses libxxhash-dev' \
		'crash/open uses make' 'kernel/check uses gcc-12'; do
		says "$f" "... $f"
	done
else
	skip "needs: the tree in which commands failed on a bare machine" "its commit is not in this clone"
fi

# An accepted finding does not count; an exception nobody needs, or without a reason, does.
printf 'spdx lib/spdx\\.h spdx . made up for this test\n' >"$tree/tests/lint/accepted"
run "$tree/vex" lint --no-install spdx
expect 0 "an accepted finding"
says 'ok +spdx: 1 accepted' "is counted as such"
# shellcheck disable=SC2016
run bash -c '. "$1/env/lib/ui.sh"; LINT_DIR=$2; mkdir -p "$2"; VEX_ROOT=$1; . "$1/env/lint/lint.sh"; printf "spdx lib/gone . .\n" >>"$LINT_ACCEPTED"
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
