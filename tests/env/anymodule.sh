#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex init and what follows in a module that is not VexFS: a small driver with a Makefile of its own, in a directory
# whose name has a blank. Bad directories are refused in one line.
# shellcheck disable=SC2016	# texts for the guest's shell
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

dir="$WORK/my driver"
mkdir -p "$dir"
cat >"$dir/Makefile" <<'EOF'
KDIR ?= /lib/modules/$(shell uname -r)/build
obj-m := abacus.o
all:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules
EOF
cat >"$dir/abacus.c" <<'EOF'
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static int step = 1;
module_param(step, int, 0444);
static long count;
static long *beads = &count;

static int abacus_open(struct inode *inode, struct file *file)
{
	*beads += step;
	return 0;
}

static ssize_t abacus_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	char text[24];
	int n = scnprintf(text, sizeof(text), "%ld\n", *beads);

	return simple_read_from_buffer(buf, len, pos, text, n);
}

static const struct file_operations abacus_fops = {
	.owner = THIS_MODULE,
	.open = abacus_open,
	.read = abacus_read,
};

static struct miscdevice abacus = { .minor = MISC_DYNAMIC_MINOR, .name = "abacus", .fops = &abacus_fops };
module_misc_device(abacus);
MODULE_DESCRIPTION("counts how often it is opened");
MODULE_LICENSE("GPL");
EOF
cp -r "$dir" "$WORK/bad"
bad=$WORK/bad

# files DIR: their names.
files() { find "$1" -mindepth 1 -printf '%f\n' | sort | paste -sd' '; }

# at DIR COMMAND...: ./vex from within DIR.
at() { run env -C "$1" "$VEX" "${@:2}"; }

# ---- what is refused before anything is built ------------------------------------------------------
run "$VEX" init "$WORK/none"
expect 2 "a directory that does not exist"
says "init: no such directory|init .*none: no such directory" "... is named"
mkdir "$WORK/empty"
run "$VEX" init "$WORK/empty"
expect 2 "a directory without a Makefile"
says 'neither Makefile nor Kbuild' "... and what it lacks"
run "$VEX" -C "$WORK/empty" test
expect 2 "-C and no configuration"
says 'no file \.vex in there: ./vex init' "... and what writes one"
: >"$bad/.vex"
run "$VEX" init "$bad"
expect 2 "a configuration that exists"
says '\.vex exists: edit it, or write it anew with --force' "... stays"
rm "$bad/.vex"
for line in 'frobnicate: 1|unknown key .frobnicate.' 'name: a b|expected the module.s name' '	true|an indented line' \
	'disk: test|expected a name and a size' 'setup: @gone|no such file gone' 'nothing|expected KEY: VALUE'; do
	printf 'name: abacus\n%s\n' "${line%%|*}" | awk '!/^name/ || !done++' >"$bad/.vex"
	[[ ${line%%|*} != name:* ]] || printf '%s\n' "${line%%|*}" >"$bad/.vex"
	at "$bad" test
	expect 2 "a configuration that says '${line%%|*}'"
	says "\.vex:.*(${line#*|})" "... is refused by file and reason"
done
rm "$bad/.vex"
if ((EUID == 0)); then
	printf 'name: abacus\n' >"$bad/.vex"
	chown 1 "$bad/.vex"
	at "$bad" fuzz
	expect 2 "a configuration of another user"
	says '\.vex belongs to another user .*its commands would run as you' "... is not taken unasked"
	run "$VEX" -C "$bad" fuzz
	says 'is about VexFS only' "... but by -C"
	rm "$bad/.vex"
else
	skip "a configuration of another user" "needs root"
fi
for line in bench crash-test fstests fuzz image lint; do
	printf 'name: abacus\n' >"$bad/.vex"
	at "$bad" "$line" list
	if [[ $STATUS == 2 ]] && grep -q 'is about VexFS only' "$WORK/out"; then report 0 "$line stays VexFS's"
	else report 1 "$line stays VexFS's" "exit code $STATUS"; fi
done
rm "$bad/.vex"
if ((EUID)); then
	chmod a-w "$bad"
	run "$VEX" init "$bad"
	expect 6 "a directory that cannot be written"
	says "cannot write $bad/\.vex: make the directory writable" "... is named"
	chmod u+w "$bad"
elif mkdir "$WORK/ro" && mount --bind "$bad" "$WORK/ro" 2>/dev/null &&
	mount -o remount,bind,ro "$WORK/ro" 2>/dev/null; then
	run "$VEX" init "$WORK/ro"
	expect 6 "a directory on a file system that is read-only"
	says "cannot write .*/ro/\.vex: make the directory writable" "... is named"
	umount "$WORK/ro"
else
	skip "a directory that cannot be written" "root may write anywhere here, and cannot mount"
fi

# ---- what the build and the guest find -------------------------------------------------------------
printf 'obj-m :=\n' >"$bad/Makefile"
run "$VEX" init "$bad"
expect 6 "a build that leaves no module"
says 'left no \.ko' "... and says so"
printf 'obj-m := abacus.o other.o\n' >"$bad/Makefile"
sed 's/abacus/other/g' "$bad/abacus.c" >"$bad/other.c"
run "$VEX" init "$bad"
expect 2 "a build that leaves two"
says 'left 2 modules \(abacus\.ko, other\.ko\): say which one is meant with --ko' "... names both"
printf 'obj-m := abacus.o\n' >"$bad/Makefile"
sed '/^module_misc_device/,$d; s/^static struct miscdevice/& __maybe_unused/' "$dir/abacus.c" >"$bad/abacus.c"
cat >>"$bad/abacus.c" <<'EOF'
static int __init no_wood(void)
{
	pr_err("abacus: out of wood\n");
	return -ENODEV;
}
module_init(no_wood);
MODULE_LICENSE("GPL");
EOF
run "$VEX" init "$bad"
expect 1 "a module that does not load"
says 'abacus\.ko does not load on 6\.1: .*No such device' "... with insmod's reason"
says 'the kernel said: abacus: out of wood' "... and the kernel's"
report "$([[ ! -e $bad/.vex ]]; echo $?)" "nothing was written there"

printf 'cat /dev/abacus\n' >"$WORK/read-once.sh"

# ---- init, test, break, fix ------------------------------------------------------------------------
run "$VEX" init "$dir"
expect 0 "init"
says 'registered: dev abacus' "the device was found"
report "$([[ $(files "$dir") == '.vex Makefile abacus.c' ]]; echo $?)" "one file was written, and no other"
printf '\t[ "$(cat /dev/abacus)" = 4 ]\n' >>"$dir/.vex"
printf 'parameters: step=2\n' >>"$dir/.vex"
at "$dir" test
expect 0 "the smoke test passes, with a parameter of the module"
says '^1 passed, 0 failed$' "... and is counted"
cp "$dir/abacus.c" "$WORK/good.c"
sed -i 's/\*beads += step;/*beads += stp;/' "$dir/abacus.c"
at "$dir" test
expect 6 "a line that does not compile"
says 'failed: abacus\.c:12:[0-9]+: error: .*stp' "the message has its file and line"
sed 's/\*beads += step;/*beads += 2 * step;/' "$WORK/good.c" >"$dir/abacus.c"
at "$dir" test
expect 1 "a line that is wrong"
says 'not ok|FAILED|failed' "... fails the test"
sed 's/\*beads += step;/beads = NULL; *beads += step;/' "$WORK/good.c" >"$dir/abacus.c"
mkdir -p "$dir/sub"
at "$dir/sub" test
expect 3 "a line that oopses, from a directory below"
says 'in abacus_open at abacus\.c:12' "the verdict has function, file and line"
run "$VEX" -C "$dir" test --json
report "$(grep -q '"file": *"abacus.c"' "$WORK/out"; echo $?)" "so has the object of --json"
report "$(grep -q '"reproduce": *".*vex -C .*my.*driver.* test' "$WORK/out"; echo $?)" "... and it says how to do it again"
run "$VEX" -C "$dir" crash --no-kdump -- cat /dev/abacus
expect 0 "crash makes a bundle of it"
bundle=$(tail -n1 "$WORK/out")
report "$(grep -q 'abacus_open at abacus.c:12' "$bundle/trace.txt"; echo $?)" "... with the line in its trace"
report "$([[ -f $bundle/abacus.ko && -f $bundle/vmcore.zst ]]; echo $?)" "... the module and the dump"
cp "$WORK/good.c" "$dir/abacus.c"
at "$dir" test
expect 0 "fixed, it passes again"
# The server ends what runs when its input ends: the answer is waited for.
coproc MCP { exec "$VEX" -C "$dir" mcp 2>"$WORK/mcp.err"; }
pid=$MCP_PID to=${MCP[1]} from=${MCP[0]}
printf '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},%s\n' \
	'"clientInfo":{"name":"test","version":"1"}}}' >&"$to"
printf '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"test","arguments":{}}}\n' >&"$to"
answer=''
for id in 1 2; do IFS= read -r -t 600 -u "$from" answer || answer="no answer to $id"; done
[[ $answer =~ \"id\":2,.*verdict[^a-z]*passed && $answer =~ my.*driver ]]
report $? "./vex mcp has the module's test as a tool" "${answer:0:300}"
exec {to}>&-
wait "$pid"
report $? "... and ends with its client"
at "$dir" vm --record "$WORK/rec" "$WORK/read-once.sh"
expect 0 "vm --record"
at "$dir" vm --replay "$WORK/rec"
expect 0 "vm --replay"
says '^2$' "... with the module that was recorded"
at "$dir" run
expect 0 "run shows the smoke test"
says '\+ cat /dev/abacus' "... line by line"
at "$dir" shell --image
expect 2 "images are VexFS's"
says '--image is for VexFS: abacus has the fast guests only' "... which is said"
at "$dir" trace abacus_open -- cat /dev/abacus
expect 0 "trace"
says 'abacus_open' "... its functions"

# ---- power, and the disk after it ------------------------------------------------------------------
truncate -s 16M "$WORK/disk.img"
printf 'cat /dev/abacus >"$VEX_DISK_D"\nsync\necho CUT-HERE\nsleep infinity\n' >"$WORK/write.sh"
printf 'head -n 1 "$VEX_DISK_D"\n' >"$WORK/read.sh"
at "$dir" vm --disk "d=$WORK/disk.img" --kill-after-marker CUT-HERE "$WORK/write.sh"
expect 0 "vm cuts the power at the marker"
at "$dir" vm --disk "d=$WORK/disk.img" "$WORK/read.sh"
says '^2$' "what was written before is there"
report "$([[ $(files "$dir") == '.vex Makefile abacus.c sub' ]]; echo $?)" "nothing else was written to its directory"
rm -rf "${XDG_CACHE_HOME:-$HOME/.cache}"/vex/modules/{my_driver,bad,ro}-*
