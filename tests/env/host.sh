#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# A host that lacks something, and a user who mistypes.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" frobnicate
expect 2 "unknown command"
says "unknown command 'frobnicate'.*help" "names it and points to the help"
run "$VEX" test --frobnicate
expect 2 "unknown option"
says "unknown option '--frobnicate'" "names it"
run "$VEX" shell --kernel 2.4
expect 2 "unknown kernel"
says '6\.1 6\.12' "lists the known ones"
run "$VEX" shell --disk
expect 2 "option without its value"
run "$VEX" vm --ktap --timeout 0 "$0"
expect 2 "a test without a limit"
run "$VEX" vm --timeout 08 "$0"
expect 2 "a number that the shell takes for an octal one"
run "$VEX" test --only env --filter '^no-such-test$'
expect 7 "nothing ran is no success"
says '^0 passed, 0 failed' "the last line says so"
for c in run test shell debug crash trace perf vm image ssh qmp kernel build lint fuzz bench setup doctor clean help; do
	run "$VEX" "$c" --help
	if ((STATUS == 0)) && grep -q '\./vex' "$WORK/out"; then report 0 "$c --help"; else report 1 "$c --help"; fi
done
# What each command of vexctl accepts, by its source, stands in its entry of the manual's synopsis and in its --help.
cat "$ROOT"/tools/vexctl/*.c | awk -F'"' '
	FILENAME == "-" && /^\t\.name = / { name = $2 }
	FILENAME == "-" && /^\t\.accepts =/ { accepts[name] = $2; below = $2 == "" }
	FILENAME == "-" && /^\t\.(name|accepts) =/ { next }
	FILENAME == "-" && below { accepts[name] = $2; below = 0; next }
	FILENAME == "-" { if (/^};/) name = ""; if (name != "") help[name] = help[name] $0; next }
	/^\.Sh DESCRIPTION/ { exit }
	/^\.Cm / { name = substr($0, 5) }
	{ manual[name] = manual[name] " " $0 " " }
	END {
		for (name in accepts) {
			n = split(accepts[name], word, " ")
			for (i = 1; i <= n; i++) {
				count++
				if (manual[name] !~ "[ .]Fl -" word[i] " ") print name ": --" word[i] " is not in the manual"
				if (help[name] !~ "--" word[i] "[^a-z-]") print name ": --" word[i] " is not in its help"
			}
		}
		if (count < 30) print "only " count " options found in the source"
	}' - "$ROOT/tools/man/vexctl.1" >"$WORK/out"
[[ ! -s $WORK/out ]]
report $? "vexctl: manual and help name every option its commands accept"
# Each function of libvexfs has a manual page that declares it as the header does; what the pages print compiles.
grep -oE '^[a-z].*\bvexfs_[a-z_]+\(' "$ROOT/lib/vexfs.h" | grep -oE 'vexfs_[a-z_]+\($' | tr -d '(' | sort >"$WORK/declared"
sed -n 's/^\.Nm \(vexfs_[a-z_]*\).*/\1/p' "$ROOT"/tools/man/*.3 | sort >"$WORK/described"
diff "$WORK/declared" "$WORK/described" >"$WORK/out" && [[ $(wc -l <"$WORK/declared") -ge 15 ]]
report $? "libvexfs: each function of the header has one manual page, and no page has another"
{
	echo '#include <vexfs.h>'
	awk '/^\.Ft / { type = substr($0, 5) }
		/^\.Fo / { name = $2; args = "" }
		/^\.Fa "/ && name { args = args (args ? ", " : "") substr($0, 6, length($0) - 6) }
		/^\.Fc/ { print type " " name "(" args ");"; name = "" }' "$ROOT"/tools/man/*.3
} >"$WORK/synopsis.c"
sed -n '/^#include <fcntl.h>/,/^\.Ed/{/^\.Ed/d;s/\\e/\\/g;p}' "$ROOT/tools/man/libvexfs.3" >"$WORK/example.c"
[[ $(grep -c vexfs_ "$WORK/synopsis.c") -eq $(wc -l <"$WORK/declared") && -s $WORK/example.c ]]
report $? "their synopses declare them"
for c in synopsis example; do
	run cc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$ROOT/lib" -I"$ROOT/include" "$WORK/$c.c"
	expect 0 "libvexfs: the $c of its manual pages compiles"
done
# A bundle is removed when the run fails; what is the user's is not.
mkdir "$WORK/mine"
echo precious >"$WORK/mine/file"
run "$VEX" crash --bundle "$WORK/mine" -- true
expect 2 "crash --bundle on a directory in use"
says 'it exists' "says why"
[[ $(<"$WORK/mine/file") == precious ]]
report $? "and leaves it alone"
# What is there is looked at again when it is used, minutes later; only what the run made goes.
# shellcheck disable=SC2016	# for the other shell
bundle() {
	run bash -c 'VEX_ROOT=$1 VEX_BUILD=$2/build VEX_CACHE=$2/cache VEX_CMD=crash
		. "$1/env/load.sh"; . "$1/env/cmd/crash.sh"
		crash_claim "$3" && trap "$(printf "%q " crash_tidy "$2" "$3")" EXIT
		touch "$3/disk.img"; exit 1' - "$ROOT" "$WORK" "$1"
}
bundle "$WORK/mine"
expect 2 "a bundle's directory that came into use since"
[[ $(ls -A "$WORK/mine") == file ]]
report $? "is left alone"
mkdir "$WORK/it's empty"
bundle "$WORK/it's empty"
[[ -d "$WORK/it's empty" && -z $(ls -A "$WORK/it's empty") ]]
report $? "an empty directory stays when the run fails, and is empty again"
bundle "$WORK/it's new"
[[ ! -e "$WORK/it's new" ]]
report $? "one that the run made goes"
# Directories of runs beyond the newest 30 go, those of a process that lives stay.
# shellcheck disable=SC2016	# for the other shell
bash -c 'VEX_ROOT=$1 VEX_BUILD=$2/build VEX_CACHE=$2/cache
	mkdir -p "$VEX_BUILD" "$VEX_CACHE"
	. "$1/env/load.sh"
	for i in $(seq 40); do mkdir -p "$VEX_BUILD/runs/old-20000101-000000-99999$i"; done
	mkdir "$VEX_BUILD/runs/live-20000101-000000-$$"
	touch -d 2000-01-01 "$VEX_BUILD"/runs/*
	run_dir new >/dev/null
	[[ -d $VEX_BUILD/runs/live-20000101-000000-$$ && $(find "$VEX_BUILD/runs" -mindepth 1 -maxdepth 1 | wc -l) -le 32 ]]
' - "$ROOT" "$WORK"
report $? "old runs are pruned, those that still run are not"
# A checkout that never had a bundle has no build/crash either.
mkdir "$WORK/new"
cp -r "$ROOT/vex" "$ROOT/env" "$WORK/new/"
run "$WORK/new/vex" crash list
expect 0 "crash list in a new checkout"
says 'no bundle yet: ./vex crash' "says how to get one"
run "$WORK/new/vex" crash open --no-install
expect 2 "crash open there"
says 'no bundle yet: ./vex crash' "says the same"
run "$VEX" --version
expect 0 "--version"
says '^vexfs [0-9]' "prints it"

# No network: packages seem absent, and apt knows no archive that answers. Nothing can be installed
# by mistake, because with empty lists apt finds no package at all.
mkdir -p "$WORK/apt/lists/partial" "$WORK/apt/admin"
: >"$WORK/apt/admin/status"
printf 'deb http://127.0.0.1:9/ bookworm main\n' >"$WORK/apt/sources.list"
cat >"$WORK/apt/conf" <<END
Dir::State::lists "$WORK/apt/lists";
Dir::State::status "$WORK/apt/admin/status";
Dir::Etc::sourcelist "$WORK/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Cache "$WORK/apt";
END
run env DPKG_ADMINDIR="$WORK/apt/admin" APT_CONFIG="$WORK/apt/conf" "$VEX" shell
expect 6 "no network at the first run"
says 'could not install:.*qemu-system-x86' "the missing packages are named"
says 'network' "and what to check"
run env DPKG_ADMINDIR="$WORK/apt/admin" "$VEX" shell --no-install
expect 6 "--no-install with missing packages"
says 'missing packages:.*apt-get install' "says what to type"

if ((EUID)) || ! unshare -m true 2>/dev/null; then
	skip "refused KVM, full disk" "needs root and a mount name space"
	exit 0
fi

# KVM that opens and answers nothing. The probe's answer must not come from the cache.
printf '#!/bin/sh\necho alive\n' >"$WORK/alive.sh"
touch "$WORK/fake"
if [[ -e /dev/kvm ]]; then
	no_kvm="mount --bind '$WORK/fake' /dev/kvm"
else
	no_kvm=true
fi
run env XDG_CACHE_HOME="$WORK/cache" unshare -m bash -c "$no_kvm; exec \"\$@\"" x \
	"$VEX" vm --module none --lane cold --accel kvm --rundir "$WORK/kvm" "$WORK/alive.sh"
expect 6 "KVM refused, asked for by name"
says 'KVM was asked for and does not work' "says so"
nothing_left "$WORK/kvm" "refused KVM"
run env XDG_CACHE_HOME="$WORK/cache" unshare -m bash -c "$no_kvm; exec \"\$@\"" x \
	"$VEX" vm --module none --lane cold --rundir "$WORK/auto" "$WORK/alive.sh"
expect 0 "KVM refused, auto: emulation"
if grep -q '^accel_reason=.*because KVM fails' "$WORK/auto/result"; then report 0 "the reason is on record"
else report 1 "the reason is on record"; fi

# A full host disk, three moments: the payload does not fit; a guest's disk cannot grow; no room for logs.
full() {
	local size=$1 name=$2
	shift 2
	mkdir -p "$WORK/$name"
	run unshare -m bash -c "mount -t tmpfs -o size=$size none '$WORK/$name' && exec \"\$@\"" x "$@"
}
printf '#!/bin/sh\necho hello\n' >"$WORK/hello.sh"
head -c 4000000 /dev/zero >"$WORK/big"
full 2M nopayload "$VEX" vm --module none --rundir "$WORK/nopayload" --file /big="$WORK/big" "$WORK/hello.sh"
expect 6 "host disk full: no room for the payload"
says 'full|make room' "says what to do"
# shellcheck disable=SC2016	# the guest expands it
printf '#!/bin/sh\ndd if=/dev/urandom of=$VEX_DISK_D bs=1M count=60 conv=fsync 2>/dev/null\n' >"$WORK/grow.sh"
full 24M nogrow "$VEX" vm --module none --disk d=96M --rundir "$WORK/nogrow" "$WORK/grow.sh"
expect 6 "host disk full: the guest's disk cannot grow"
# Whoever writes next meets the full disk: QEMU, or the launcher.
says 'host disk is full|make room on the host' "says so"
