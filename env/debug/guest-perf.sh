#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's half of ./vex perf. /vex/settings: RECORD, options of perf record; EVENT, empty: what there is; DIRECTORY.
# Files for the host go to /tmp/out: perf.data, report.txt, samples.txt. Status: the command's.
set -eu
# shellcheck source=/dev/null
. /vex/settings
out=/tmp/out
mkdir -p $out
/vex/setup
echo 0 >/proc/sys/kernel/kptr_restrict
export HOME=/tmp

give_back() { tar -cf "$VEX_DISK_OUT" -C $out .; }

# Emulation has no counters; the processor's clock always ticks.
if [ -z "$EVENT" ]; then
	EVENT=cpu-clock
	if [ -d /sys/bus/event_source/devices/cpu ] && perf stat -e cycles true >/dev/null 2>&1; then EVENT=cycles; fi
fi
echo "$EVENT" >$out/event
echo "@stage recording $EVENT"
status=0
# shellcheck disable=SC2086	# options are words
(cd "$DIRECTORY" && exec perf record -e "$EVENT" $RECORD -o $out/perf.data -- /vex/command 2>$out/perf.err) || status=$?
if [ ! -s $out/perf.data ]; then
	cat $out/perf.err
	echo "vex: perf recorded nothing"
	give_back
	exit $((status ? status : 2))
fi
echo "@stage resolving symbols"
perf report -i $out/perf.data --stdio --no-children -g none --percent-limit 0.5 --sort comm,dso,sym \
	>$out/report.txt 2>>$out/perf.err || cat $out/perf.err
perf script -i $out/perf.data -F comm,ip,sym,dso >$out/samples.txt 2>>$out/perf.err || cat $out/perf.err
give_back
exit $status
