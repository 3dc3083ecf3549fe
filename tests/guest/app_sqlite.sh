#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:256M mem=1G time=600 full
# SQLite on VexFS: in every journal mode, what was committed is there after the filesystem stops in the middle of work.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 13
for mode in delete truncate persist wal; do
	app "$mode: create" <<END
sqlite3 $mode.db 'PRAGMA journal_mode=$mode; PRAGMA synchronous=FULL; CREATE TABLE t(i INTEGER PRIMARY KEY, b BLOB);
	CREATE INDEX by_b ON t(b);' >/dev/null
: >/tmp/acked
sync
END
	# Each COMMIT that has returned is told outside of the filesystem.
	# shellcheck disable=SC2016	# the root's shell expands it
	debroot_run MODE="$mode" bash -c 'cd /mnt/vexfs
		for ((i = 1; ; i++)); do
			echo "INSERT INTO t VALUES($i, randomblob(3000)); SELECT $i;"
			[ $((i % 7)) -ne 0 ] || echo "DELETE FROM t WHERE i = $((i - 5)) AND 0; UPDATE t SET b = randomblob(500) WHERE i = $((i - 3));"
		done | { echo "PRAGMA synchronous=FULL;"; cat; } | sqlite3 $MODE.db >/tmp/acked 2>/tmp/log' &
	n=0
	until [ "$(tail -n 1 "$DEBROOT/tmp/acked" 2>/dev/null || echo 0)" -ge 60 ] 2>/dev/null || [ $n -gt 600 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	app_cut
	wait
	app "$mode: integrity after the cut" <<END
test "\$(sqlite3 $mode.db 'PRAGMA integrity_check')" = ok
END
	app "$mode: all that was committed is there" <<END
# The line that is last may be half a number.
last=\$(sed '\$d' /tmp/acked | tail -n 1)
echo "acknowledged: \$last, there: \$(sqlite3 $mode.db 'SELECT count(*), max(i) FROM t')"
test "\$last" -ge 50
test "\$(sqlite3 $mode.db "SELECT count(*) FROM t WHERE i <= \$last")" -eq "\$last"
END
done
app_end
