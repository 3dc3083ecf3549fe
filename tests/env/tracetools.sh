#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# perf with a flame graph, the three bpftrace scripts, and trace-cmd, each in a guest on a VexFS.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

new_run() { find "$ROOT/build/runs" -maxdepth 1 -name "$1-*" -newer "$WORK/mark" | sort | tail -n1; }

touch "$WORK/mark"
run "$VEX" perf -F 2000 -- sh -c 'for i in 1 2 3; do dd if=/dev/zero of=f bs=4k count=2000; rm f; done 2>/dev/null'
expect 0 "perf"
says '\[vexfs\] .*vexfs_|\[k\] vexfs_' "the report names functions of the module"
says '\[k\] ' "and of the kernel"
dir=$(new_run perf)
cp "$dir/flame.svg" "$WORK/out" 2>/dev/null || : >"$WORK/out"
says '<title>vexfs_[a-z_]+: [0-9]+ samples' "the flame graph has boxes of the module"
if grep -q 'vexfs_write_iter_\[m\];.*vexfs_' "$dir/folded.txt"; then report 0 "stacks go through the module"
else report 1 "stacks go through the module"; fi
if [[ -s $dir/perf.data && -s $dir/report.txt ]]; then report 0 "perf.data and report.txt are kept"
else report 1 "perf.data and report.txt are kept"; fi

run "$VEX" trace --lines 1000 --bpf file-latency
expect 0 "bpftrace: file-latency"
for op in read write fsync sync vec_set search; do says "^@us\\[$op\\]:" "a histogram of $op"; done

run "$VEX" trace --lines 1000 --bpf search-cost
expect 0 "bpftrace: search-cost"
says '^@searches\[0, 0\]: 1$' "one search in the workload, in the flat tier"
says '^@embeddings\[0\]: 8$' "of eight embeddings"
says '^@distances\[0, 0\]: count 1, average 16, total 16$' "each measured twice, by code and exactly"

run "$VEX" trace --lines 1000 --bpf journal-stalls
expect 0 "bpftrace: journal-stalls"
says '^@held_us:' "how long handles are held"
says '^@longest_wait_us\[vexfs_[a-z_]+' "callers by name"
says '^@commits: [1-9]' "commits are counted"

printf 'BEGIN { nonsense\n' >"$WORK/bad.bt"
run "$VEX" trace --bpf "$WORK/bad.bt" -- true
expect 2 "a script that does not parse"
says 'syntax error|bpftrace cannot run bad.bt' "what bpftrace says is shown"

# trace-cmd records in the guest and reads its own file there: formats parsed by libtraceevent.
cat >"$WORK/tc.sh" <<'END'
set -e
mkfs.vexfs -q "$VEX_DISK_TEST"
mkdir -p /mnt/v
trace-cmd record -q -o /tmp/t.dat -e vexfs sh -c 'mount -t vexfs $VEX_DISK_TEST /mnt/v; echo hi >/mnt/v/hello; sync; umount /mnt/v' || exit 1
trace-cmd report -i /tmp/t.dat >/tmp/t.txt 2>/tmp/t.err
cat /tmp/t.err
grep -cE 'vexfs_(create|iomap_begin|commit|unmount):' /tmp/t.txt
grep -E 'vexfs_(mount|create|iomap_begin):' /tmp/t.txt
END
if command -v trace-cmd >/dev/null; then
	mapfile -t files < <(bash -c '. "$1/env/lib/ui.sh"; . "$1/env/lib/program.sh"; payload_program trace-cmd' x "$ROOT" |
		awk '{ print "--file"; print $2 "=" $4 }')
	run "$VEX" vm --cpus 1 --disk test=64M "${files[@]}" "$WORK/tc.sh"
	expect 0 "trace-cmd record and report"
	says "vexfs_create: +dev [0-9]+:[0-9]+ dir 2 ino [0-9]+ mode 0100644 nlink 1 name 'hello' ret 0" "trace-cmd shows the fields"
	says 'vexfs_iomap_begin: .* flags WRITE type UNWRITTEN' "and the words for flags"
else
	skip "trace-cmd" "it is not installed: ./vex setup tests"
fi
