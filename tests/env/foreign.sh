#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Another user's environment: variables, umask, paths, streams. Works, or one line names what does not.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# ---- what must not matter -------------------------------------------------------------------------------

# A checkout of its own, so that everything is unpacked and built.
co=$WORK/co
mkdir -p "$co" "$WORK/other"
{ git -C "$ROOT" ls-files -z --cached --others --exclude-standard 2>/dev/null || (cd "$ROOT" && find . -path ./build -prune -o -type f -print0); } |
	tar -C "$ROOT" --null -T - -c | tar -C "$co" -x
printf 'set -o noglob\nset -o noclobber\n' >"$WORK/bashenv"
printf 'echo hello from the guest\n' >"$WORK/hello.sh"
chmod -R go= "$co"

# foreign CMD...: with all of it at once.
foreign() {
	run env -u TERM CDPATH=.:"$WORK/other" POSIXLY_CORRECT=1 BASH_ENV="$WORK/bashenv" ENV="$WORK/bashenv" IFS=: SHELLOPTS=noclobber:noglob \
		GREP_OPTIONS=--color=always GREP_COLOR='1;31' GREP_COLORS='ms=1' LS_COLORS='*=1' TAR_OPTIONS=--frobnicate XZ_OPT=--frobnicate \
		KBUILD_OUTPUT="$WORK/none" KBUILD_EXTMOD="$WORK/none" KBUILD_SRC=x KCONFIG_CONFIG="$WORK/none" KCFLAGS=-fno-such-option \
		ARCH=arm64 SRCARCH=arm64 CROSS_COMPILE=no-such- LOCALVERSION=-mine KERNELRELEASE=9.9 INSTALL_MOD_PATH="$WORK/none" \
		INSTALL_PATH="$WORK/none" LLVM=1 HOSTCC=false HOSTCFLAGS=-fno-such-option VEXFS_DEBUG=1 \
		MAKEFLAGS=n MFLAGS=-n GNUMAKEFLAGS=-k MAKELEVEL=3 MAKEFILES="$WORK/none" \
		GIT_DIR="$WORK/none" GIT_INDEX_FILE="$WORK/none" PYTHONHOME="$WORK/none" \
		LC_ALL=tlh_XX.UTF-8 LANG=de_DE LANGUAGE=de COLUMNS=wide \
		BUILD_FOR=none VM_EXEC=1 VM_KERNEL=none T_FILTER=none EX_OK=3 IB_WORK=/ 'BASH_FUNC_grep%%=() { false; }' \
		bash -c 'umask 077; exec "$@" <&-' x "$@"
}
foreign "$co/vex" build --kernel 6.1
expect 0 "build: another user's environment"
[[ -f $co/build/kmod/6.1/vexfs.ko && ! -e $WORK/none && -z $(ls -A "$WORK/other") ]]
report $? "the module is where it belongs, and nothing anywhere else"
foreign "$co/vex" vm --module none "$WORK/hello.sh"
expect 0 "vm: another user's environment"
says '^hello from the guest' "its output"
foreign "$co/vex" kernel check 6.1
expect 0 "kernel check: the same"
run env CDPATH=.:/tmp KBUILD_OUTPUT="$WORK/none" KBUILD_EXTMOD="$WORK/none" POSIXLY_CORRECT=1 GREP_OPTIONS=--color=always \
	make -C "$co" modules KDIR="$co/build/kernels/6.1/kdir/" MODOUT="$co/build/kmod/6.1"
expect 0 "make modules by hand: CDPATH and KBUILD_OUTPUT"

# What the caller may set on purpose.
run env CC=no-such-compiler "$co/vex" build --only tools
[[ -x $co/build/bin/vexctl ]] && touch "$co/lib/crc32c.c"
run env CC=no-such-compiler "$co/vex" shell --no-install -- true
expect 6 "a compiler that is not there"
says "^vex: .*from your environment: CC='no-such-compiler'" "the last line names the variable"
run env CFLAGS=-DVEXFS_FOREIGN_FLAG V=1 make -C "$co" -B build/obj/lib/crc32c.o
expect 0 "CFLAGS by hand"
says 'DVEXFS_FOREIGN_FLAG' "goes on to the compiler"

# ---- modes -------------------------------------------------------------------------------------------------

# modes_of DIR: what others cannot read, or not enter.
modes_of() { find "$1" \( -type f ! -perm -004 \) -o \( -mindepth 1 -type d ! -perm -005 \); }

mkdir "$WORK/my dest"
chmod 755 "$WORK/my dest"
run bash -c 'umask 077; CDPATH=. make -C "$1" install DESTDIR="$2/my dest"' x "$co" "$WORK"
expect 0 "make install with umask 077, DESTDIR with a space"
[[ -f "$WORK/my dest/usr/local/lib/pkgconfig/vexfs.pc" && ! -e $co/dest && -z $(modes_of "$WORK/my dest") ]]
report $? "every file there, readable by everybody" "$(modes_of "$WORK/my dest" | head -n 3)"
mkdir "$WORK/debs"
run bash -c 'umask 077; cd "$1"; CDPATH=. bash packaging/deb/build.sh "$2"' x "$co" "$WORK/debs"
expect 0 "packages with umask 077, from a checkout made under it"
for f in "$WORK"/debs/*.deb; do dpkg-deb -x "$f" "$WORK/unpacked"; done
[[ -d $WORK/unpacked/usr && -z $(modes_of "$WORK/unpacked") ]]
report $? "their files are readable by everybody" "$(modes_of "$WORK/unpacked" | head -n 3)"

# ---- paths -------------------------------------------------------------------------------------------------

mkdir "$WORK/my src"
cp -r "$co/vex" "$co/env" "$co/Makefile" "$WORK/my src/"
run "$WORK/my src/vex" vm "$WORK/hello.sh"
expect 6 "a checkout with a space in its path"
says "^vex: the checkout's directory: .*'$WORK/my src'" "one line says so"
[[ ! -e "$WORK/my src/build" && ! -e "$WORK/my" ]]
report $? "and nothing was written"
run make -C "$WORK/my src"
expect 2 "make there"
says "the checkout's directory: make cannot build in a path with white space" "says so too"
for v in BUILD MODOUT KDIR; do
	run make -C "$co" modules "$v=/tmp/my dir"
	expect 2 "$v with a space"
	says "$v: make cannot build in a path with white space" "make names $v"
done
run env XDG_CACHE_HOME="$WORK/my cache" "$VEX" vm "$WORK/hello.sh"
expect 6 "a cache with a space in its path"
says '^vex: XDG_CACHE_HOME' "names the variable"

# one NAME REGEX VAR=VALUE: exit code 6 and one line.
one() {
	run env -u XDG_CACHE_HOME "$3" "$VEX" kernel list
	expect 6 "$1"
	[[ $(wc -l <"$WORK/out") == 1 ]] && grep -qE "$2" "$WORK/out"
	report $? "$1: one line names it"
}
one "HOME that cannot be written" '^vex: HOME .*cannot write' HOME=/proc/none
one "TMPDIR that is not there" '^vex: TMPDIR: cannot write' TMPDIR="$WORK/none"
one "XDG_CACHE_HOME that is a relative path" '^vex: XDG_CACHE_HOME .*does not start with /' XDG_CACHE_HOME=cache
run env -u HOME "$VEX" kernel list
expect 0 "no HOME"
run env -i "$VEX" kernel list
expect 0 "no environment at all"
run make -C "$co" modules KDIR="$WORK/none"
expect 2 "make modules without headers"
says "no kernel headers in $WORK/none: install the package linux-headers-" "names the package"

# ---- streams -----------------------------------------------------------------------------------------------

run bash -c '"$1" kernel list >&-' x "$VEX"
expect 6 "standard output closed"
says '^vex: standard output is closed' "says so"
run bash -c '"$1" kernel list 2>&-' x "$VEX"
expect 0 "standard error closed"
# A device that is full takes no output. What was asked for is not there then.
# full CODE NAME CMD...
full() {
	local code=$1 name=$2
	shift 2
	run bash -c '"$@" >/dev/full' x "$@"
	expect "$code" "$name > /dev/full"
	says 'cannot write the output' "$name says so"
}
truncate -s 64M "$WORK/d.img"
full 1 mkfs.vexfs "$co/build/bin/mkfs.vexfs" "$WORK/d.img"
full 8 fsck.vexfs "$co/build/bin/fsck.vexfs" -n "$WORK/d.img"
full 1 dump.vexfs "$co/build/bin/dump.vexfs" "$WORK/d.img"
printf 'seq 100000\n' >"$WORK/many.sh"
full 6 "./vex vm" "$VEX" vm --module none "$WORK/many.sh"
run bash -c 'set -o pipefail; "$1" vm --module none "$2" | head -n 1' x "$VEX" "$WORK/many.sh"
expect 0 "a reader that has seen enough is no failure"

# Standard input.
run bash -c '"$1" vm --module none <(echo "echo hello from a pipe")' x "$VEX"
expect 0 "vm <(...)"
says '^hello from a pipe' "the script from the pipe"
run bash -c 'printf "hello\n" | "$1" shell -- cat' x "$VEX"
expect 0 "shell -- cat"
says '^hello$' "a command reads standard input"
printf 'a\nb\n' >"$WORK/lines"
run bash -c '"$1" shell -- wc -l <"$2"' x "$VEX" "$WORK/lines"
says '^2$' "that is a file"
run bash -c '"$1" shell -- sh -c "cat; echo end" <&-' x "$VEX"
expect 0 "closed"
says '^end$' "ends at once"

# A terminal: whoever ends ./vex shell finds it as it was. The watcher waits until the guest has the terminal.
cat >"$WORK/tty.sh" <<'END_TTY'
set -m
stty -g >"$2/before"
(
	until [[ $(stty -g </dev/tty) != "$(<"$2/before")" ]]; do sleep 0.1; done
	vex=$(<"$2/pid")
	case $3 in
	launcher) kill -KILL "$(sed 's/ .*//' "/proc/$vex/task/$vex/children")" ;;
	*) kill -"$3" "$vex" ;;
	esac
) &
bash -c 'echo $$ >"$2/pid"; exec "$1" shell --lane cold' x "$1" "$2"
echo "status $?" >"$2/after"
stty -g >>"$2/after"
# A launcher that outlives ./vex needs a moment to learn of it.
for ((i = 0; i < 100; i++)); do
	if [[ $(stty -g) == "$(<"$2/before")" ]]; then echo restored >>"$2/after"; break; fi
	sleep 0.1
done
END_TTY
mkfifo "$WORK/typed"
exec 5<>"$WORK/typed"

# terminal WHAT AT_ONCE: WHAT ends a shell that has the terminal. AT_ONCE: restored when ./vex has ended.
terminal() {
	run env --default-signal=HUP script -qec "bash '$WORK/tty.sh' '$VEX' '$WORK' $1" /dev/null
	if (($2)); then
		[[ $(sed -n 2p "$WORK/after") == "$(<"$WORK/before")" ]]
	else
		grep -q '^restored' "$WORK/after"
	fi
	report $? "the terminal after ./vex shell was ended by $1" "$(tr '\n' ' ' <"$WORK/after")"
}
run() {
	STATUS=0
	"$@" >"$WORK/out" 2>&1 <&5 || STATUS=$?
}
terminal TERM 1
terminal HUP 1
terminal launcher 1
terminal KILL 0
