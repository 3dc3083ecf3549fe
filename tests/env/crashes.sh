#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# A broken kernel, each way of breaking, is exit code 3 (or 4 for silence), never a pass.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

build_testmod 6.1 || { report 1 "the misbehaving module builds"; exit 1; }

guest panic <<<'echo c > /proc/sysrq-trigger; sleep 60'
expect 3 "panic by sysrq"
says 'kernel panic' "and the cause is named"
nothing_left "$WORK/panic" "panic"

guest oops --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=oops; sleep 60'
expect 3 "oops (null pointer write in a module)"
nothing_left "$WORK/oops" "oops"

guest warn --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=warn; exit 0'
expect 3 "WARN although the script succeeded"
says 'WARNING' "and the line is shown"

guest warnktap --ktap --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=warn; echo 1..1; echo "ok 1 all is well"'
expect 3 "WARN inside a test that passed"
says '^not ok 1' "fails that very test"

guest warncut --kill-after-marker CUT-NOW --file /x.ko="$TESTMOD" <<<'insmod /x.ko how=warn; echo CUT-NOW; sleep 60'
expect 3 "WARN before a power cut"
says 'kernel panic, oops or warning: WARNING: ' "and the line is named"

guest wordscut --kill-after-marker CUT-NOW <<<'echo "BUG: says a program" >/dev/console; echo CUT-NOW; sleep 60'
expect 0 "a program's words on the console are not the kernel's"

guest hang --timeout 1 <<<'sleep 600'
expect 4 "a script that never ends"
nothing_left "$WORK/hang" "hang"
if grep -q 'sysrq: Show' "$WORK/hang/console.log"; then report 0 "the tasks of the hung guest are in console.log"
else report 1 "the tasks of the hung guest are in console.log"; fi

guest spin --file /x.ko="$TESTMOD" --timeout 5 <<<'insmod /x.ko how=spin; sleep 60'
expect 4 "all processors stuck with interrupts off"
nothing_left "$WORK/spin" "spin"
