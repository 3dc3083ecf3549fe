#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# --json: every ending of a command is one object as docs/json.md describes it; and a loop of edit, fail, fix and pass that
# reads nothing else.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

JSON=$ROOT/build/env/vexjson
# get PATH: one value of the last object.
get() { "$JSON" get "$1" "$WORK/object" 2>/dev/null; }

# json COMMAND...: standard output is the object, standard error is for people.
json() {
	STATUS=0
	"$@" >"$WORK/object" 2>"$WORK/out" </dev/null || STATUS=$?
}

# object CODE VERDICT NAME: the last object is valid, and says so.
object() {
	local bad=0
	expect "$1" "$3"
	"$JSON" check "$WORK/object" >>"$WORK/out" 2>&1 || bad=1
	report "$bad" "... gives a valid object"
	[[ $(get exit_code) == "$1" && $(get verdict) == "$2" && -n $(get cause) ]]
	report $? "... with its verdict" "verdict $(get verdict), exit code $(get exit_code), cause $(get cause)"
}
# has PATH REGEX NAME
has() {
	[[ $(get "$1") =~ $2 ]]
	report $? "$3" "$1 is '$(get "$1")'"
}

# ---- endings -----------------------------------------------------------------------------------------------

json "$VEX" kernel list --json
object 0 passed "kernel list"
has 'kernels[].name' $'^6\\.1\n' "kernels by name"
has 'kernels[0].state' '^ready$' "and state"
json "$VEX" --json kernel list
object 0 passed "the option before the command"
json "$VEX" doctor --json
object "$STATUS" "$( ((STATUS)) && echo environment || echo passed)" "doctor"
has 'machine[].text' 'system: ' "what it found"
json "$VEX" test --json --jobs 0
object 2 usage "a wrong value"
has cause "^--jobs 0: use a number" "which it names"
json "$VEX" frobnicate --json
object 2 usage "an unknown command"
has cause "unknown command 'frobnicate'" "which it names"
for c in 'vm' 'vm --frob x' 'crash --trigger 1' 'crash open /nowhere' 'run --limit x' 'image' 'image validate /nowhere' 'image boot' \
	'build --arch vax' 'lint frob' 'kernel build nothing' 'doctor frob' 'test --filter ['; do
	# shellcheck disable=SC2086	# words
	json "$VEX" $c --json
	object 2 usage "$c"
done
json "$VEX" shell --json
expect 2 "a command that has no object"
report "$([[ ! -s $WORK/object ]]; echo $?)" "prints none"
run "$VEX" help run
says '^  --json ' "help names the option"

# Missing packages, and no compiler for the program that makes the object.
mkdir "$WORK/stub" "$WORK/admin" "$WORK/new" "$WORK/bin"
: >"$WORK/admin/status"
printf '#!/bin/sh\nexit 99\n' >"$WORK/stub/apt-get"
chmod +x "$WORK/stub/apt-get"
json env PATH="$WORK/stub:$PATH" DPKG_ADMINDIR="$WORK/admin" "$VEX" run --no-install --json
object 6 environment "missing packages"
has cause '^missing packages: ' "which it names"
cp -r "$ROOT"/{vex,env} "$WORK/new/"
ln -sf /usr/sbin/* /usr/bin/* "$WORK/bin/" 2>/dev/null
rm -f "$WORK"/bin/{gcc,cc,make}
json env PATH="$WORK/bin" DPKG_ADMINDIR="$WORK/admin" "$WORK/new/vex" run --no-install --json
object 6 environment "and no compiler"
has cause '^missing packages: .*gcc' "which it names"
json env PATH="$WORK/bin" "$WORK/new/vex" frobnicate --json
object 2 usage "a wrong command there"
"$VEX" kernel list --json >/dev/full 2>"$WORK/out"
STATUS=$?
expect 6 "an object that cannot be written"

# ---- guests --------------------------------------------------------------------------------------------------

# vm NAME OPTION...: a script (standard input) in a guest without the module.
vm() {
	local name=$1
	shift
	{ printf '#!/bin/sh\n'; cat; } >"$WORK/$name.sh"
	json "$VEX" vm --json --module none --rundir "$WORK/run.$name" "$@" "$WORK/$name.sh"
}
vm fine <<<'echo "a word"'
object 0 passed "a script that ends well"
has status '^0$' "its status"
grep -qx 'a word' "$(get logs.output)"
report $? "its output is where the object says"
vm seven <<<'exit 7'
object 7 failed "one that fails"
has status '^7$' "its status"
vm three <<<'exit 3'
object 3 failed "one whose status is that of a panic"
# The sleeps keep a guest alive until its fate comes; each test would fail if one ended by itself.
vm panic <<<'echo c >/proc/sysrq-trigger; sleep 60'
object 3 panic "a panic"
has trace.complaint 'Kernel panic - not syncing: sysrq triggered crash' "the kernel's words"
has 'trace.frames[].function' 'sysrq_handle_crash' "the functions"
grep -q 'sysrq triggered' "$(get logs.console)"
report $? "the console"
vm hang --timeout 1 <<<'sleep 600'
object 4 hang "a time-out"
has cause 'limit 1 s x [0-9.]+' "with its limit and the factor"
vm cut --kill-after-marker CUT <<<'echo CUT; sleep 600'
object 0 passed "a power cut"
vm ktap --ktap <<<'echo 1..1; echo "not ok 1 no"'
object 1 failed "a test that fails"

# A process group of its own, and Ctrl-C for all of it.
echo 'echo up; sleep 600' >"$WORK/long.sh"
setsid "$VEX" vm --json --module none --rundir "$WORK/run.long" "$WORK/long.sh" >"$WORK/object" 2>"$WORK/out" </dev/null &
pid=$!
until grep -qs up "$WORK/run.long/out.log" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
# A background job of a script ignores Ctrl-C from its start; what stops it then is SIGTERM, to ./vex alone.
kill -TERM "$pid"
STATUS=0
wait "$pid" || STATUS=$?
object 130 interrupted "a signal"
nothing_left "$WORK/run.long" "a signal"

# ---- edit, fail, fix, pass --------------------------------------------------------------------------------------

# A copy of the tree with what is built, its kernel this one's.
copy=$WORK/copy
mkdir -p "$copy/build/kernels/6.1"
tar -C "$ROOT" --exclude=./build --exclude=./.git -c . | tar -C "$copy" -x
cp -a "$ROOT"/build/{obj,bin,guest,env,libvexfs.a} "$copy/build/"
# The module's objects too: kbuild knows what they were made by, and from where.
mkdir "$copy/build/kmod"
cp -a "$ROOT/build/kmod/6.1" "$copy/build/kmod/"
find "$copy/build/kmod" \( -name '.*.cmd' -o -name '*.mod' -o -name modules.order \) -exec sed -i "s#$ROOT/build/kmod#$copy/build/kmod#g" {} +
for f in root kdir vmlinuz config release traits; do ln -s "$ROOT/build/kernels/6.1/$f" "$copy/build/kernels/6.1/$f"; done
sed "s#[^ ]*\$#$copy/build/kernels/6.1/root#" "$ROOT/build/kernels/6.1/.complete" >"$copy/build/kernels/6.1/.complete"

# Three faults of one line: one that does not compile, one that the kernel trips over, one that a test finds.
sed -i '0,/^{$/s//{\n\tint unfinished = ;/' "$copy/core/extent.c"
sed -i '/^static int vexfs_create(/,/^}/s/^\treturn vexfs_create_entry/\t*(volatile char *)dir->i_ino = 1;\n&/' "$copy/kmod/namei.c"
sed -i 's/^\treturn ktap_exit();/\tktap(false, "a deliberate failure");\n&/' "$copy/tests/guest/symlinks.c"
was=$(grep -nH -e 'unfinished' -e '(volatile char \*)dir' -e 'deliberate' "$copy"/{core/extent.c,kmod/namei.c,tests/guest/symlinks.c} |
	sed "s#$copy/##" | cut -d: -f1,2)

# The repair is a reader of the object and nothing else: it removes the line that is named first.
found=''
for round in 1 2 3 4 5; do
	json "$copy/vex" test --json --only guest --kernel 6.1 --filter '^symlinks$'
	"$JSON" check "$WORK/object" >>"$WORK/out" 2>&1
	report $? "round $round: a valid object"
	verdicts=${verdicts:+$verdicts }$(get verdict)
	[[ $(get verdict) != passed ]] || break
	case $round in
	1) has 'failed[0].suite' '^build$' "round 1: a build that fails"
		has 'failed[0].message' "error: expected expression" "with the compiler's words"
		has cause 'core/extent.c:[0-9]' "and the place in the cause" ;;
	2) has 'failed[0].test' '^symlinks$' "round 2: the test in which the kernel came to harm"
		has 'failed[0].message' '^BUG: kernel NULL pointer dereference' "with the kernel's words"
		has trace.function '^vexfs_create$' "and the function" ;;
	3) has 'failed[0].check' '^a deliberate failure$' "round 3: the check that failed"
		has reproduce "^\./vex test --only guest --kernel 6\.1 --filter '\^\(symlinks\)\\$'\$" "and how to see it again" ;;
	esac
	found+=$(get 'failed[0].file'):$(get 'failed[0].line')$'\n'
	[[ -f $copy/$(get 'failed[0].file') && -n $(get 'failed[0].line') ]] || break
	sed -i "$(get 'failed[0].line')d" "$copy/$(get 'failed[0].file')"
done
[[ $verdicts == 'environment panic failed passed' ]]
report $? "build failure, oops, failed check, pass" "verdicts: $verdicts"
[[ $found == "$was"$'\n' ]]
report $? "each at its file and line" "found: ${found//$'\n'/ }, there were: ${was//$'\n'/ }"
run diff -r -x build -x .git "$ROOT" "$copy"
expect 0 "and the tree is as it was"

# ---- the document -------------------------------------------------------------------------------------------------

run bash -c 'diff <("$1" fields | fold -sw 100000) <(sed -n "/^<!-- vexjson fields/,/^<!-- end/p" "$2" | grep -v "^<!--" | grep .)' x \
	"$JSON" "$ROOT/docs/json.md"
expect 0 "docs/json.md lists the fields"
