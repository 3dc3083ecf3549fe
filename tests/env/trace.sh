#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex trace: what the user mistypes, and a function and an event watched in one short guest. The slow tools
# (perf, bpftrace, trace-cmd) are in tracetools.sh.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" trace
expect 2 "nothing to trace"
says 'which functions or events.*--list' "says how to find what there is"
run "$VEX" trace vexfs_wirte_iter
expect 2 "an unknown function"
says "no function 'vexfs_wirte_iter'; close to it:.* vexfs_write_iter" "close matches are named"
run "$VEX" trace 'vexfs_nosuchthing*'
expect 2 "a pattern that matches nothing"
run "$VEX" trace vexfs:serach_end
expect 2 "an unknown event"
says 'close to it:.* vexfs:vexfs_search_end' "close matches are named"
run "$VEX" trace --bpf nosuch
expect 2 "an unknown script"
says 'file-latency.*journal-stalls.*search-cost' "those there are, are named"
run "$VEX" trace --bpf search-cost vexfs_fsync
expect 2 "a script and a function"
run "$VEX" trace --depth x vexfs_fsync
expect 2 "a depth that is no number"
run "$VEX" perf
expect 2 "nothing to profile"
run "$VEX" trace --list 'vexfs_write*'
expect 0 "list by pattern"
if grep -qx vexfs_write_iter "$WORK/out" && ! grep -v '^ ' "$WORK/out" | grep -qv '^vexfs_write'; then report 0 "lists what matches"
else report 1 "lists what matches"; fi
run "$VEX" trace --list 'nosuch*'
expect 2 "a list of nothing"
run "$VEX" trace --list 'vexfs:search*'
says '^vexfs:vexfs_search_end$' "events are listed too"

# The flame graph, from samples written here: what is where, how wide, and is it one piece of XML.
cat >"$WORK/samples" <<'END'
dd
	ffffffffc0001234 vexfs_map+0x10 ([vexfs])
	ffffffffc0001111 vexfs_write_iter+0x22 ([vexfs])
	ffffffff81200000 vfs_write+0x1 ([kernel.kallsyms])
	          401000 main+0x5 (/vex/bin/dd)

dd
	ffffffff81300000 memset<orig>+0x0 ([kernel.kallsyms])
	ffffffff81200000 vfs_write+0x1 ([kernel.kallsyms])
	          401000 main+0x5 (/vex/bin/dd)

dd
	ffffffffc0001234 vexfs_map+0x44 ([vexfs])
	ffffffffc0001111 vexfs_write_iter+0x22 ([vexfs])
	ffffffff81200000 vfs_write+0x1 ([kernel.kallsyms])
	          401000 main+0x5 (/vex/bin/dd)

END
printf 'vexfs_map\nvexfs_write_iter\n' >"$WORK/functions"
awk -v module="$WORK/functions" -f "$ROOT/env/debug/fold.awk" "$WORK/samples" | LC_ALL=C sort >"$WORK/out"
says '^dd;main;vfs_write_\[k\];vexfs_write_iter_\[m\];vexfs_map_\[m\] 2$' "stacks are folded and counted"
awk -v title='a < b & c' -f "$ROOT/env/debug/flame.awk" "$WORK/out" >"$WORK/svg"
cp "$WORK/svg" "$WORK/out"
says '<title>vexfs_map: 2 samples, 66.7 %</title>' "a box has name, samples and share"
says '<title>vfs_write: 3 samples, 100.0 %</title>' "neighbours with one name are one box"
says 'a &lt; b &amp; c' "text is escaped"
if (($(grep -c '<g>' "$WORK/svg") == $(grep -c '</g>' "$WORK/svg"))) && [[ $(tail -n1 "$WORK/svg") == '</svg>' ]]; then
	report 0 "the graph is complete"
else
	report 1 "the graph is complete"
fi
run awk -f "$ROOT/env/debug/flame.awk" /dev/null
expect 1 "no samples, no graph"

# One guest, the function and the event at once.
before=$(ls "$ROOT/build/runs" 2>/dev/null)
run "$VEX" trace --lines 2000 vexfs_fsync 'vexfs:create' -- dd if=/dev/zero of=seen bs=4k count=3 conv=fsync
expect 0 "trace a command"
says 'vexfs_fsync( \[vexfs\])?\(\)' "the function is in the graph"
says "vexfs_create: dev [0-9]+:[0-9]+ dir 2 ino [0-9]+ mode 0100644 nlink 1 name 'seen' ret 0" "the event with its fields"
dir=$(comm -13 <(echo "$before") <(ls "$ROOT/build/runs") | grep '^trace-' | tail -n1)
if [[ -s $ROOT/build/runs/$dir/trace.txt ]]; then report 0 "the whole trace is in the run directory"
else report 1 "the whole trace is in the run directory"; fi
if [[ ! -e $ROOT/build/runs/$dir/out.raw ]]; then report 0 "no disk image left"; else report 1 "no disk image left"; fi
run "$VEX" trace vexfs:unlink -- sh -c 'exit 9'
expect 9 "the command's status is the exit code"
says 'nothing of what was named happened' "and an empty trace is said to be one"
run "$VEX" trace nosuch:event -- true
expect 2 "an event the kernel does not have"
says 'has no event nosuch:event' "is named"
