#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# A stock kernel is one row of env/kernel/stock: with nothing else touched it is in the list, in help and completion,
# and fetch and test know it. A suite that this machine's mirror does not have is left out, unless somebody names it.
# The host's apt stays as it is.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# A checkout of its own, with a row for a kernel that no archive has and one of a suite that no mirror has.
mkdir "$WORK/tree" "$WORK/cache"
(cd "$ROOT" && cp -r vex env "$WORK/tree/")
V=$WORK/tree/vex
cat >>"$WORK/tree/env/kernel/stock" <<'END'
future     host         linux-image-99.9.*  host  other,later  a kernel of the test
elsewhere  nosuchsuite  linux-image-*       host  other        a suite of the test
END
tree() { env XDG_CACHE_HOME="$WORK/cache" "$@"; }
apt_state() { find /etc/apt /var/lib/apt/lists /var/lib/dpkg/status -printf '%p %s %T@\n' 2>/dev/null | sort | sha256sum; }
before=$(apt_state)

run tree "$V" kernel list
says '^future +not fetched .*a kernel of the test' "the list has it"
run tree "$V" kernel names
says '^future$' "names has it"
run tree "$V" kernel --help
says '^  future +a kernel of the test' "the help of kernel has it"
for c in test run shell; do
	run tree "$V" "$c" --help
	says '[-]-kernel NAME .*future' "the help of $c has it"
done
run tree "$V" kernel build nosuch
says 'known are 6.1 6.12 .*future' "an unknown kernel's message has it"
run tree "$V" kernel fetch future --no-install
expect 6 "fetch looks for it"
says 'apt knows no linux-image-99\.9\.\*-cloud-amd64' "by its pattern"

# complete WORD...: what completion offers for the last word.
complete_words() {
	run bash -c 'cd "$1" && shift && . env/completion.bash && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _vex &&
		printf "%s\n" "${COMPREPLY[@]}"' x "$WORK/tree" "$@"
}
complete_words ./vex run --kernel fu
says '^future$' "completion has it after --kernel"
complete_words ./vex kernel fetch fu
says '^future$' "and after kernel fetch"
complete_words ./vex ker
says '^kernel$' "completion of commands"
complete_words ./vex kernel fe
says '^fetch$' "of verbs"
complete_words ./vex test --fi
says '^--filter$' "and of options"

# shellcheck disable=SC2016	# the shell inside expands them
# inside TEXT: a line of shell with the functions of that tree.
inside() {
	run env VEX_ROOT="$WORK/tree" VEX_BUILD="$WORK/tree/build" VEX_CACHE="$WORK/cache/vex" bash -c '
		set -euo pipefail
		. "$VEX_ROOT/env/load.sh"
		'"$1"
}
# shellcheck disable=SC2016
inside 'T_FULL=0; test_kernels ""; echo "kernels: ${T_KERNELS[*]}"; echo "left out: ${T_NOT_HERE[*]}"'
says '^kernels: 6.1 6.12( |$)' "./vex test without --kernel: Debian 12's kernels"
says '^left out: .*future elsewhere' "and not what would have to be fetched for that"
# shellcheck disable=SC2016
inside 'test_kernels later; echo "${T_KERNELS[*]}"'
says '^future$' "./vex test --kernel TRAIT takes it"
# shellcheck disable=SC2016
inside 'test_kernels backports,future; echo "${T_KERNELS[*]}, slice of$T_SLICE"'
says '^backports future, slice of $' "named ones get every test"
inside 'kernel_reachable all 6.1 elsewhere'
expect 0 "a suite that the mirror does not have, and nobody named"
says '^6\.1$' "the others remain"
says 'left out: elsewhere: nosuchsuite cannot be had from here' "and it is named"
run tree "$V" kernel fetch elsewhere
expect 6 "the same, named: an error"
says 'Debian nosuchsuite cannot be read from http' "which names the suite and the mirror"
[[ $(apt_state) == "$before" ]]
report $? "sources, lists and packages of this machine's apt are as they were"

# Every row is complete, and names a toolchain that exists.
bad=$(awk '/^[a-z0-9]/ && (NF < 6 || $4 !~ /^(host|[a-z]+:gcc-[0-9]+)$/ || $3 !~ /^linux-image-/) { print $1 }' "$ROOT/env/kernel/stock")
[[ -z $bad ]]
report $? "every row of env/kernel/stock has its columns" "$bad"
