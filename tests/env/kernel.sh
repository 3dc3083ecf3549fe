#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Kernels by name: what cannot be built says why, an interrupted or failed build goes on, faults in fragments are found.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vex

run "$VEX" kernel build linux-2.4
expect 2 "an unknown kernel"
says "unknown kernel 'linux-2.4': known are 6.1 6.12 .*debug-6.1" "names the known ones"
run "$VEX" kernel build debug-6.1+nosuch
expect 2 "an unknown fragment"
says "no fragment env/kernel/nosuch.config; there are base" "names those there are"
run "$VEX" kernel frobnicate
expect 2 "an unknown verb"
run "$VEX" kernel config 6.1
expect 2 "a stock kernel cannot be configured"
run "$VEX" kernel config debug-6.1
expect 2 "menuconfig without a terminal"
says '[-]-edit COMMAND' "points to --edit"
run "$VEX" kernel list
expect 0 "kernel list"
for k in $("$VEX" kernel names); do
	says "^$k .*(ready|cached|not (built|fetched)|build begun)" "lists $k and its state"
done

# Every option of every fragment stands in a group under a comment that says what needs it; the first group may be
# the one the file's own comment is about.
for f in "$ROOT"/env/kernel/*.config; do
	awk '/^#/ { said = 1 } /^$/ && option { said = 0 } /^CONFIG_/ { option = 1 } /^CONFIG_/ && !said { bad = 1; print "# " FILENAME ": " $0 }
		END { exit bad }' "$f"
	report $? "every option of ${f##*/} has its reason"
done

# What follows runs kbuild on the real source, in a cache of its own that borrows the source of the real one.
source_dir=$(find "$cache/src" -mindepth 1 -maxdepth 1 -name 'linux-6.1.*' ! -name '*.new' 2>/dev/null | sort -V | tail -n1)
if [[ -z $source_dir ]]; then
	skip "fragments and failing builds" "the source of Linux 6.1 is not in the cache (./vex kernel build debug-6.1 brings it)"
	exit 0
fi
mkdir -p "$WORK/cache/vex/src" "$WORK/bin"
ln -s "$source_dir" "$WORK/cache/vex/src/"
tree() { env XDG_CACHE_HOME="$WORK/cache" VEX_CCACHE=0 "$@"; }
# A checkout of its own too, because fragments are going to be written into it.
mkdir "$WORK/tree"
(cd "$ROOT" && cp -r vex env Makefile kmod core include lib tools tests "$WORK/tree/")
V=$WORK/tree/vex

cat >"$WORK/tree/env/kernel/wrong.config" <<'END'
# One that never was, one that needs what is off.
CONFIG_VEXFS_NO_SUCH_OPTION=y
CONFIG_SND=y
CONFIG_BTRFS_FS=y
CONFIG_ACPI_HOTPLUG_MEMORY=y
END
run tree "$V" kernel build debug-6.1+wrong
expect 2 "a fragment with an option the kernel does not have"
says 'wrong.config:2: CONFIG_VEXFS_NO_SUCH_OPTION=y: Linux 6.1.* has no such option' "names file, line and option"
says 'wrong.config:5: CONFIG_ACPI_HOTPLUG_MEMORY=y became n; .*depends on' "and one that was dropped, with what it depends on"

run tree "$V" kernel config debug-6.1 --edit 'config --enable BTRFS_FS' --save btrfs
expect 0 "config --edit --save writes a fragment"
says '^CONFIG_BTRFS_FS=y' "shows the difference"
if grep -qx 'CONFIG_BTRFS_FS=y' "$WORK/tree/env/kernel/btrfs.config"; then report 0 "the fragment holds it"
else report 1 "the fragment holds it"; fi
run tree "$V" kernel config debug-6.1 --edit true --save btrfs
expect 2 "an existing fragment is not overwritten"

# A compiler that breaks at the first file of the kernel proper, then one that works: the second try goes on.
cat >"$WORK/bin/gcc-12" <<'END'
#!/bin/sh
case " $* " in *" init/main.o "* | *"kernel/bounds.s"*) echo "kernel/bounds.c:1:1: error: the compiler of the test broke" >&2; exit 1 ;; esac
exec /usr/bin/gcc-12 "$@"
END
chmod +x "$WORK/bin/gcc-12"
run tree env PATH="$WORK/bin:$PATH" "$V" kernel build debug-6.1
expect 6 "a build that fails"
says 'first error' "shows the first error"
says 'bounds.c:1:1: error: the compiler of the test broke' "which is this one"
says 'build.log' "names the log"
says 'again: it goes on' "and says that it can go on"
run tree "$V" kernel list
says '^debug-6.1 .*build begun' "the list knows that it has begun"
first=$(stat -c %Y "$WORK/cache/vex/kbuild/debug-6.1/scripts/basic/fixdep" 2>/dev/null)
# A background job of a script is deaf to SIGINT unless told otherwise.
env --default-signal=INT XDG_CACHE_HOME="$WORK/cache" VEX_CCACHE=0 "$V" kernel build debug-6.1 >"$WORK/out" 2>&1 &
pid=$!
for _ in $(seq 600); do
	if [[ -f $WORK/cache/vex/kbuild/debug-6.1/kernel/bounds.s ]] || ! kill -0 "$pid" 2>/dev/null; then break; fi
	sleep 0.5
done
if [[ -f $WORK/cache/vex/kbuild/debug-6.1/kernel/bounds.s ]]; then report 0 "the next try gets past it"
else report 1 "the next try gets past it"; fi
[[ $(stat -c %Y "$WORK/cache/vex/kbuild/debug-6.1/scripts/basic/fixdep") == "$first" ]]
report $? "without doing again what was done"
kill -INT "$pid"
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "Ctrl-C ends a build"
sleep 1
if pids "$WORK/cache/vex/kbuild" >/dev/null; then report 1 "and no compiler is left"; else report 0 "and no compiler is left"; fi

if ((EUID)) || ! unshare -m true 2>/dev/null; then
	skip "full disk" "needs root and a mount name space"
	exit 0
fi
mkdir -p "$WORK/small"
run unshare -m bash -c "mount -t tmpfs -o size=64M none '$WORK/small' && XDG_CACHE_HOME='$WORK/small' exec \"\$@\"" x \
	"$VEX" kernel build debug-6.1+slub
STATUS_FULL=$STATUS
run unshare -m bash -c "mount -t tmpfs -o size=64M none '$WORK/small' && XDG_CACHE_HOME='$WORK/small' exec \"\$@\"" x \
	"$V" kernel build debug-6.1+btrfs
expect 6 "no room for a build"
says 'needs [0-9]+ MB in' "says how much it needs"
[[ $STATUS_FULL == 2 ]]
report $? "usage errors come before any work"
