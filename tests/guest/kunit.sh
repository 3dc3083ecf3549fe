#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: kernel=kunit mem=1536M time=240
# The module's KUnit suites, run on demand; their KTAP comes from the kernel log.
set -u
run=/sys/kernel/debug/vexfs/kunit
if [ ! -e $run ]; then
	printf 'KTAP version 1\n1..0 # SKIP the module was built without its KUnit suites\n'
	exit 0
fi
dmesg -c >/dev/null
status=0
echo run 2>/dev/null >$run || status=1
# The suites are numbered through all runs since boot; here they count from 1.
dmesg | sed 's/^\[[^]]*\] //' | awk '
	/^KTAP version 1/ { on = 1 }
	!on { next }
	/^(not )?ok [0-9]+ / { n++; sub(/ok [0-9]+/, "ok " n) }
	/^(KTAP version|1\.\.|(not )?ok )/ { print; next }
	/^ +(KTAP version|1\.\.|(not )?ok |#)/ { print; next }
	{ print "# " $0 }'
exit $status
