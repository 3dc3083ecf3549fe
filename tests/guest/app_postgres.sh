#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:1G mem=1G cpus=2 time=1800 full
# PostgreSQL on VexFS: pgbench, then the filesystem stops in the middle of it; the server recovers, what it had
# acknowledged is there, its sums are right and its indexes are whole.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 6
cat >"$DEBROOT/root/pg" <<'END'
export PATH=/usr/lib/postgresql/15/bin:$PATH
export PGDATA=/mnt/vexfs/pg PGHOST=/tmp PGUSER=postgres PGDATABASE=postgres
as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
start() { as pg_ctl -s -w -t 600 -o "-k /tmp -h '' -c max_connections=12" -l /tmp/pg.log start || { tail -n 12 /tmp/pg.log; return 1; }; }
END
app "initdb and start" <<'END'
. /root/pg
cd /tmp
mkdir -m 700 $PGDATA
chown postgres $PGDATA
as initdb -A trust --no-locale >/tmp/initdb.log
start
as psql -qc 'CREATE TABLE acked(i int PRIMARY KEY)'
END
app "pgbench" <<'END'
. /root/pg
cd /tmp
as pgbench -q -i -s 2
as pgbench -n -c 3 -T 20
END
# shellcheck disable=SC2016	# the root's shell expands it
debroot_run bash -c '. /root/pg; cd /tmp
	as pgbench -n -c 3 -T 300 >/tmp/pgbench.log 2>&1 &
	for ((i = 1; ; i++)); do echo "INSERT INTO acked VALUES ($i) RETURNING i;"; done |
		as psql -qAt >/tmp/acked 2>/tmp/psql.log' &
n=0
until [ "$(tail -n 1 "$DEBROOT/tmp/acked" 2>/dev/null || echo 0)" -ge 100 ] 2>/dev/null || [ $n -gt 3000 ]; do
	n=$((n + 1))
	sleep 0.1
done
app_cut
wait
app "recovery after the cut" <<'END'
. /root/pg
cd /tmp
rm -f $PGDATA/postmaster.pid /tmp/.s.PGSQL*
start
END
app "all that was acknowledged is there" <<'END'
. /root/pg
cd /tmp
last=$(sed '$d' /tmp/acked | tail -n 1)
echo "acknowledged: $last, there: $(as psql -qAtc 'SELECT count(*), max(i) FROM acked')"
test "$last" -ge 90
test "$(as psql -qAtc "SELECT count(*) FROM acked WHERE i <= $last")" -eq "$last"
END
app "sums and indexes are right" <<'END'
. /root/pg
cd /tmp
as psql -qAtc 'SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
	(SELECT sum(tbalance) FROM pgbench_tellers), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)' | tee /tmp/sums
awk -F'|' '{ exit !($1 == $2 && $2 == $3 && $3 == $4) }' /tmp/sums
as psql -qc 'CREATE EXTENSION IF NOT EXISTS amcheck'
as pg_amcheck --heapallindexed
as pg_ctl -s -w stop
END
app_end
