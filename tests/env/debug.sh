#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# gdb on a guest with a stock kernel: breakpoints, variables, structures, a watchpoint, reload; and what goes wrong.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# debug NAME [OPTION]... -- CMD: the gdb script is on stdin.
debug() {
	local name=$1
	shift
	cat >"$WORK/$name.gdb"
	run "$VEX" debug --rundir "$WORK/$name" --batch "$WORK/$name.gdb" "$@"
}

# shellcheck disable=SC2016	# expanded in the guest
debug bp --no-mount --disk vexfs=64M -- sh -c 'mkfs.vexfs -q -L bptest $VEX_DISK_VEXFS && mkdir -p /mnt/v &&
	mount -t vexfs $VEX_DISK_VEXFS /mnt/v && echo .text $(cat /sys/module/vexfs/sections/.text) &&
	echo hello >/mnt/v/hello' <<'END'
tbreak vexfs_entry_add
continue
tbreak vexfs_dir_add
continue
print "name", d->name
print d->name_len
up
print kio.owner_ino
backtrace
print *$vexfs_sb()->es
vexfs-sb
vexfs-inodes
END
expect 0 "a batch session: the script ran, the guest finished"
says 'hit Temporary breakpoint 1, vexfs_entry_add .*kmod/namei\.c:[0-9]+' "the breakpoint hits in the source file"
says '"hello"' "a local variable: the name of the file"
says "= 5 '" "its length"
says '= 2$' "the directory's inode number, one frame up"
says '#[0-9]+ .*do_syscall_64' "the backtrace goes through the stock kernel to the system call"
says 's_label = bptest' "the superblock of the mount: its label"
says 's_blocks = 16384' "and its size"
says 'vexfs on vd.: free' "vexfs-sb"
says 'vexfs inode 2 mode 040755' "vexfs-inodes"
seen=$(sed -n 's/.*symbols of vexfs.ko: .text at \(0x[0-9a-f]*\),.*/\1/p' "$WORK/out")
[[ -n $seen && $seen == "$(sed -n 's/^guest: .text //p' "$WORK/out")" ]]
report $? "the module's symbols are where the guest says"
nothing_left "$WORK/bp" "batch session"

# shellcheck disable=SC2016
debug watch --no-mount --disk vexfs=64M -- sh -c 'mkfs.vexfs -q $VEX_DISK_VEXFS; mkdir -p /mnt/v
	mount -t vexfs $VEX_DISK_VEXFS /mnt/v; touch /mnt/v/a; umount /mnt/v
	dump.vexfs --poke 6:1024=ffff $VEX_DISK_VEXFS >/dev/null
	mount -t vexfs -o errors=continue $VEX_DISK_VEXFS /mnt/v; stat /mnt/v/a; sync; exit 0' <<'END'
tbreak vexfs_corrupt
continue
print what
watch -l $vexfs_sb()->es->s_error_count
continue
backtrace 1
END
expect 0 "a watchpoint on the superblock"
says 'Hardware watchpoint 2' "is one of the hardware"
says '^New value = 1' "fires when damage is recorded"
says '#0 .*vexfs_error_fill' "where it is recorded"

# shellcheck disable=SC2016
debug reload -- sh -c 'touch /mnt/vexfs/a; umount /mnt/vexfs; rmmod vexfs
	modprobe dm-mod; insmod $VEX_MODULE; mount -t vexfs $VEX_DISK_VEXFS /mnt/vexfs; touch /mnt/vexfs/b' <<'END'
break vexfs_create
continue
printf "first %s\n", dentry->d_name.name
continue
printf "second %s\n", dentry->d_name.name
END
expect 0 "the module is unloaded and loaded again"
says '^second b' "the same breakpoint hits in the module's second life"
(($(grep -c 'symbols of vexfs.ko: .text at' "$WORK/out") == 2))
report $? "symbols are loaded again"

# Before the kernel's first instruction: its memory is not mapped yet, so a software breakpoint would have nowhere to go.
debug paused --paused -- true <<'END'
print $pc
thbreak start_kernel
continue
info symbol $pc
tbreak vexfs_fill_super
continue
END
expect 0 "a guest paused before its first instruction"
says '^.1 = .*0xfff0' "stands at the reset vector"
says '^start_kernel in section' "runs to the kernel's start"
says 'hit Temporary breakpoint 2, vexfs_fill_super' "and to the module's"

# A module that differs in nothing but its build id, which is all that gdb can go by.
ko=$ROOT/build/kmod/6.1/vexfs.ko
objcopy -O binary --only-section=.note.gnu.build-id --set-section-flags .note.gnu.build-id=alloc "$ko" "$WORK/note"
printf '\x55\xaa' | dd of="$WORK/note" bs=1 seek=16 conv=notrunc 2>/dev/null
objcopy --update-section .note.gnu.build-id="$WORK/note" "$ko" "$WORK/vexfs.ko"
debug wrong --symbols "$WORK/vexfs.ko" -- true <<'END'
continue
END
expect 8 "symbols of another build"
says 'WRONG BUILD: the guest loaded a vexfs.ko with build id [0-9a-f]{40}.* has [0-9a-f]{40}' "both build ids are named"
nothing_left "$WORK/wrong" "wrong build"

debug panic -- sh -c 'echo c >/proc/sysrq-trigger; sleep 600' <<'END'
continue
END
expect 3 "the guest panics while gdb is attached"
says 'panicked while gdb was attached' "says so"
nothing_left "$WORK/panic" "panic under gdb"

cat >"$WORK/kill.sh" <<'END'
for p in /proc/[0-9]*; do
	if { tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null | grep -q "^qemu-system.*$1/payload.img"; then kill -KILL "${p#/proc/}"; fi
done
END
debug died -- sleep 600 <<END
tbreak vexfs_fill_super
continue
shell bash $WORK/kill.sh $WORK/died
next
END
expect 5 "QEMU dies while gdb is attached"
says 'died while gdb was attached' "says so"
nothing_left "$WORK/died" "dead guest"

debug never -- true <<'END'
break vexfs_symlink
continue
END
expect 1 "a breakpoint that is never reached"
says 'finished before the script did' "is a failure with its reason"

debug typo -- true <<'END'
frobnicate
END
expect 1 "a script with an error"
says 'the script failed: .*frobnicate|Undefined command: "frobnicate"' "names the line"

debug kgdb --kgdb -- true <<'END'
continue
END
expect 2 "kgdb on a kernel without it"
says 'kernel 6\.1 has no kgdb.*debug-6\.1' "says which have it"

# The interactive way: a terminal with gdb, and the guest's console in a second one.
await() {
	local i
	for ((i = 0; i < 6000; i++)); do
		grep -qaE -- "$1" "$2" 2>/dev/null && return
		sleep 0.1
	done
	printf '# waited in vain for %s\n' "$1"
	return 1
}
mkfifo "$WORK/keys" "$WORK/more"
script -qfec "'$VEX' debug --rundir '$WORK/tty'" "$WORK/typescript" <"$WORK/keys" >/dev/null 2>&1 &
session=$!
exec 7>"$WORK/keys"
await '\(gdb\)' "$WORK/typescript"
report $? "interactive: gdb's prompt"
printf 'tbreak vexfs_mkdir\ncontinue\n' >&7
await 'symbols of vexfs.ko' "$WORK/typescript"
"$VEX" debug --console <"$WORK/more" >"$WORK/console" 2>&1 &
console=$!
exec 6>"$WORK/more"
# shellcheck disable=SC2016
printf 'mkdir /mnt/vexfs/d && echo made-$((40 + 2))\n' >&6
await 'hit Temporary breakpoint.*vexfs_mkdir' "$WORK/typescript"
report $? "what is typed on the console hits the breakpoint set in gdb"
printf 'print dentry->d_name.name\ncontinue\n' >&7
await 'made-42' "$WORK/console"
report $? "the console shows the guest's answer once gdb lets it run"
grep -qa '= .*"d"' "$WORK/typescript"
report $? "gdb printed the name"
printf 'exit\n' >&6
exec 6>&-
wait "$console"
report $? "\"exit\" ends the guest and the console"
printf 'quit\n' >&7
exec 7>&-
wait "$session"
report $? "leaving gdb ends the session"
nothing_left "$WORK/tty" "interactive session"

# The script is through, and the command is not: nobody waits for ever.
debug endless --timeout 2 -- sleep 100000 <<'END'
tbreak vexfs_fill_super
continue
END
expect 4 "a command that never ends, after the script"
says 'not finished after' "is stopped"
nothing_left "$WORK/endless" "endless command"
