#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# User-Mode Linux in place of QEMU: the same verdicts, and no process of its herd outlives a run.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

K=uml-6.1
state=$("$VEX" kernel list | awk -v k=$K '$1 == k { print $2 }')
if [[ $state != ready && $state != cached ]]; then
	skip "User-Mode Linux" "$K is not built: ./vex kernel build $K (some four minutes)"
	exit 0
fi

# uml NAME [OPTION]...: the script on stdin, on UML, without the module.
uml() {
	local name=$1
	shift
	guest "$name" --kernel $K "$@"
}

result() { sed -n "s/^$2=//p" "$WORK/$1/result"; }
# check NAME COMMAND...: the command succeeds.
check() {
	local name=$1
	shift
	if "$@"; then report 0 "$name"; else report 1 "$name"; fi
}

# ---- boots, and says how fast ---------------------------------------------------------------------

uml first <<<'uname -r'
expect 0 "boots"
says '^6\.1\..*uml' "the kernel is UML"
nothing_left "$WORK/first" "passed"
check "the result says what ran it" test "$(result first accel)-$(result first lane)" = uml-cold
printf '# start to ready: %s ms, whole run: %s ms\n' "$(result first ready_ms)" "$(result first total_ms)"

# ---- what it cannot do ----------------------------------------------------------------------------

for bad in "--cpus 2" "--lane warm" "--accel tcg"; do
	# shellcheck disable=SC2086	# two words
	uml refused $bad <<<true
	expect 2 "$bad is refused"
	says 'User-Mode Linux and cannot do' "with its reason"
done
uml huge --memory 1000000 <<<true
expect 6 "more memory than the host has room for"
says 'not enough memory|has that much room' "says so"

# ---- verdicts -----------------------------------------------------------------------------------

uml ok --ktap <<<'echo 1..1; echo "ok 1 fine"'
expect 0 "a test passes"
uml notok --ktap <<<'echo 1..1; echo "not ok 1 broken"'
expect 1 "a test fails"
uml skipped --ktap <<<'echo "1..0 # SKIP no reason at all"'
says '# SKIP no reason at all' "a skip shows its reason"
uml status <<<'exit 42'
expect 42 "the status of a script is forwarded"

uml reboot <<<'reboot -f; sleep 60'
expect 5 "a guest that reboots ends without a verdict"
nothing_left "$WORK/reboot" "reboot"

# ---- broken kernels -------------------------------------------------------------------------------

build_testmod $K || { report 1 "the misbehaving module builds for UML"; exit 1; }

uml panic <<<'echo c > /proc/sysrq-trigger; sleep 60'
expect 3 "panic by sysrq"
says 'kernel panic' "and the cause is named"
nothing_left "$WORK/panic" "panic"
uml oops --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=oops; sleep 60'
expect 3 "null pointer write in a module"
nothing_left "$WORK/oops" "oops"
uml warn --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=warn; exit 0'
expect 3 "WARN although the script succeeded"
says 'WARNING' "and the line is shown"

uml hang --timeout 1 <<<'sleep 600 & sleep 600'
expect 4 "a script that never ends"
nothing_left "$WORK/hang" "hang"
check "the tasks of the hung guest are in console.log" grep -q 'task:sleep' "$WORK/hang/console.log"
uml spin --file /x.ko="$TESTMOD" --timeout 5 <<<'insmod /x.ko how=spin; sleep 60'
expect 4 "the processor stuck with interrupts off"
nothing_left "$WORK/spin" "spin"

# ---- killed from outside ----------------------------------------------------------------------------

parent_of() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status"; }
# group_size PGID: how many processes it has; the group's number is the third field behind the command's name.
group_size() { cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | awk -v g="$1" '$3 == g { n++ } END { print n + 0 }'; }

# begin NAME: a guest with several address spaces that says "here" and sleeps; sets UML_PID, KEEPER_PID, LAUNCHER_PID.
begin() {
	local name=$1 i
	printf '#!/bin/sh\nsleep 600 & sleep 601 & echo here; sleep 602\n' >"$WORK/$name.sh"
	setsid "$VEX" vm --module none --kernel $K --rundir "$WORK/$name" "$WORK/$name.sh" >"$WORK/out" 2>&1 </dev/null &
	VEX_PID=$!
	for ((i = 0; i < 600; i++)); do
		grep -q '^here' "$WORK/$name/out.log" 2>/dev/null && break
		sleep 0.1
	done
	UML_PID=$(cat "$WORK/$name/uml/pid")
	KEEPER_PID=$(parent_of "$UML_PID")
	LAUNCHER_PID=$(parent_of "$KEEPER_PID")
	check "$name: UML is a group of processes" test "$(group_size "$UML_PID")" -gt 3
}

end() { STATUS=0; wait "$VEX_PID" || STATUS=$?; }

# gone NAME: a dead launcher cannot be waited for; the keeper needs a moment.
gone() {
	local i
	for ((i = 0; i < 100; i++)); do
		[[ -d /proc/$KEEPER_PID ]] || break
		sleep 0.05
	done
	nothing_left "$WORK/$1" "$1"
}

begin killed
kill -KILL "$UML_PID"
end
expect 5 "UML killed from outside is a lost VM"
says 'UML was killed by signal 9' "and the signal is named"
nothing_left "$WORK/killed" "killed"

begin interrupted
kill -INT "$LAUNCHER_PID"
end
expect 130 "Ctrl-C"
nothing_left "$WORK/interrupted" "interrupted"

begin orphan
kill -KILL "$LAUNCHER_PID"
end
gone orphan

# ---- disks --------------------------------------------------------------------------------------

# A name UML's own parser would take apart.
disk=$WORK/disk:a,b
truncate -s 16M "$disk"
uml cut --disk d="$disk" --kill-after-marker CUT-NOW <<'END'
echo before >/tmp/x; dd if=/tmp/x of="$VEX_DISK_D" conv=fsync,notrunc 2>/dev/null
echo CUT-NOW; sleep 600
END
expect 0 "a power cut at a marker"
nothing_left "$WORK/cut" "power cut"
# shellcheck disable=SC2016	# the guest expands it
uml after --disk d="$disk:ro" <<<'head -c 6 "$VEX_DISK_D"; echo x >"$VEX_DISK_D"'
says '^before' "what was synced before the cut is on the disk"
check "a read-only disk stays as it was" test "$(head -c 6 "$disk")" = before
uml nocut --kill-after-marker NEVER-PRINTED <<<'echo done'
expect 1 "a run that ends before its power cut failed"

if ((EUID)) || ! unshare -m true 2>/dev/null; then
	skip "a host disk that fills up" "needs root and a mount name space"
else
	# shellcheck disable=SC2016	# the guest expands it
	printf '#!/bin/sh\ndd if=/dev/urandom of=$VEX_DISK_D bs=1M count=60 conv=fsync 2>/dev/null\n' >"$WORK/grow.sh"
	mkdir "$WORK/full"
	run unshare -m bash -c "mount -t tmpfs -o size=24M none '$WORK/full' && exec \"\$@\"" x "$VEX" vm --module none \
		--kernel $K --disk d=96M --rundir "$WORK/full" "$WORK/grow.sh"
	expect 6 "host disk full: the guest's disk cannot grow"
	says 'host disk is full|make room on the host' "says so"
fi

# ---- streams ------------------------------------------------------------------------------------

# Every byte both ways, more of them than any buffer between host and guest holds.
head -c 1000000 /dev/urandom >"$WORK/bytes"
{ echo 'exec cat'; cat "$WORK/bytes"; } >"$WORK/stdin"
STATUS=0
"$VEX" shell --kernel $K <"$WORK/stdin" >"$WORK/back" 2>"$WORK/out" || STATUS=$?
expect 0 "a shell with its commands from stdin"
# BusyBox's shell reads up to 1 KB ahead of its command, which is lost to cat.
size=$(stat -c %s "$WORK/back")
check "a megabyte goes in and comes back" test "$size" -ge 998000
tail -c "$size" "$WORK/bytes" >"$WORK/tail"
check "unchanged" cmp "$WORK/tail" "$WORK/back"

mkdir "$WORK/share"
echo from the host >"$WORK/share/in"
uml share --share "$WORK/share" <<<'cat /share/in; echo from the guest >/share/out; ls /share/..'
says '^from the host' "--share: the guest reads"
check "and writes" grep -qx 'from the guest' "$WORK/share/out"

# ---- VexFS, and an ordinary user --------------------------------------------------------------------

run "$VEX" shell --kernel $K -- sh -c 'cd /mnt/vexfs && echo kept >f && cat f && mount | grep vexfs'
expect 0 "VexFS on UML"
says '^kept' "stores a file"

# gdb on the process: stops in the module, prints, lets go; the guest goes on to its end.
# shellcheck disable=SC2016	# the guest expands it
printf '#!/bin/sh\nmkfs.vexfs -q "$VEX_DISK_D" && mount -t vexfs "$VEX_DISK_D" /mnt || exit 1
cat /sys/module/vexfs/sections/.text; echo go
while [ ! -e /share/over ]; do mkdir /mnt/d; rmdir /mnt/d; done\nexit 7\n' >"$WORK/gdb.sh"
if command -v gdb >/dev/null; then
	"$VEX" vm --kernel $K --disk d=32M --share "$WORK/share" --rundir "$WORK/gdb" "$WORK/gdb.sh" >"$WORK/gdb.out" 2>&1 </dev/null &
	VEX_PID=$!
	for ((i = 0; i < 3000; i++)); do
		if grep -q '^go' "$WORK/gdb.out" || ! kill -0 "$VEX_PID" 2>/dev/null; then break; fi
		sleep 0.1
	done
	run timeout 120 gdb -q -batch -p "$(cat "$WORK/gdb/uml/pid")" "$ROOT/build/kernels/$K/vmlinux" \
		-ex 'handle SIGSEGV SIGALRM SIGIO SIGUSR1 nostop noprint pass' \
		-ex "add-symbol-file $ROOT/build/kmod/$K/vexfs.ko $(grep '^0x' "$WORK/gdb.out")" \
		-ex 'break vexfs_mkdir' -ex continue -ex 'print (char *)dentry->d_name.name' -ex 'print dir->i_sb->s_type->name' \
		-ex delete -ex detach
	says '^Breakpoint 1, vexfs_mkdir' "gdb on the process stops in the module"
	says '^.1 = .*"d"' "prints an argument"
	says '^.2 = .*"vexfs"' "and a structure behind it"
	touch "$WORK/share/over"
	end
	expect 7 "and the guest goes on to its end"
else
	skip "gdb on the process" "gdb is not installed: ./vex setup"
fi

if ((EUID)); then
	skip "as an ordinary user" "all of this ran as one"
	exit 0
fi
user=$(mktemp -d)
trap 'rm -rf "$user"; finish' EXIT
cp -L "$ROOT/build/kernels/$K/vmlinuz" "$ROOT/build/kernels/$K/initramfs.cpio" "$ROOT/build/env/vexvm" "$user/"
printf 'kind exec\nexec /vex/run\n' >"$user/job"
printf '#!/bin/sh\nid -u; head -c 4 /proc/1/comm\n' >"$user/run"
printf 'file /vex/job 0644 %s/job\nfile /vex/run 0755 %s/run\n' "$user" "$user" |
	"$ROOT/build/env/vexpack" -d -o "$user/payload.img"
chown -R 65534:65534 "$user"
run setpriv --reuid 65534 --regid 65534 --clear-groups "$user/vexvm" --uml --kernel "$user/vmlinuz" --io pipe \
	--initrd "$user/initramfs.cpio" --payload "$user/payload.img" --rundir "$user/run.d" --cache "$user/cache"
expect 0 "as an ordinary user"
says '^init' "the guest ran"
nothing_left "$user/run.d" "ordinary user"
