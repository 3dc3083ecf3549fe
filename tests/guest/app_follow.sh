#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:1G mem=1G cpus=2 time=1800 full
# vexctl export --follow --format sql into a real PostgreSQL, while vexctl, psql and the server are killed at random
# moments: the table is equal to the filesystem at the end. Without pgvector a domain has its type's name.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

ROUNDS=20
state=/tmp/follow.state notes=$DEBROOT/mnt/vexfs/notes
app_plan 5
cat >"$DEBROOT/root/pg" <<'END'
export PATH=/usr/lib/postgresql/15/bin:$PATH
export PGDATA=/mnt/vexfs/pg PGHOST=/tmp PGUSER=postgres PGDATABASE=postgres
as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
start() { as pg_ctl -s -w -t 600 -o "-k /tmp -h '' -c max_connections=12" -l /tmp/pg.log start; }
END
app "initdb and start" <<'END'
. /root/pg
mkdir -m 755 notes
mkdir -m 700 $PGDATA
chown postgres $PGDATA
cd /tmp
as initdb -A trust --no-locale >/tmp/initdb.log
start
as psql -qc 'CREATE EXTENSION vector' 2>/dev/null || as psql -qc 'CREATE DOMAIN vector AS text'
END
sql() { debroot_run bash -c '. /root/pg; cd /tmp; exec setpriv --reuid postgres --regid postgres --clear-groups psql -qAt "$@"' sql "$@"; }
mark() { sql -c "SELECT mark FROM vexfs_mark WHERE collection = 'x'" 2>/dev/null; }
random() { echo $(($(od -An -N2 -tu2 /dev/urandom) % $1)); }
change() { # change ROUND
	for i in 1 2 3 4 5 6 7 8; do
		f=$notes/f$(random 40)
		case $(random 8) in
		0) rm -f "$f" ;;
		1) [ ! -e "$f" ] || mv "$f" "$notes/f$(random 40)" ;;
		2) [ ! -e "$f" ] || echo "$1 $i" >>"$f" ;;
		*) [ -e "$f" ] || : >"$f"; echo "$1 $i 1" | vexctl set -c x --chunk "$(random 2)" "$f" - >/dev/null ;;
		esac
	done
}
follow() { # follow OPTION...
	vexctl export --follow -c x --format sql --state $state --since "$(mark)" --interval 1 "$@" "$notes" 2>>/tmp/follow.log |
		sql -v ON_ERROR_STOP=1 >>/tmp/follow.log 2>&1
}
rounds() {
	n=0
	while [ $n -lt $ROUNDS ]; do
		n=$((n + 1))
		change $n
		follow &
		sleep "0.$(random 10)$(random 10)"
		change "$n"
		# shellcheck disable=SC2016	# the root's shell expands it
		case $(random 3) in
		0) killall -9 vexctl 2>/dev/null ;;
		1) debroot_run pkill -9 -x psql ;;
		*) debroot_run bash -c '. /root/pg; cd /tmp; as pg_ctl -s -m immediate stop; rm -f $PGDATA/postmaster.pid; start' ;;
		esac
		killall -9 vexctl 2>/dev/null
		wait
	done
}
vexctl collection create "$notes" x --dim 3 --metric l2 >/tmp/said 2>&1
app_result $? "a collection"
rounds >/tmp/said 2>&1
follow --wait 0 >>/tmp/said 2>&1
app_result $? "$ROUNDS rounds"
vexctl export -c x --all --format copy "$notes" | sort >/tmp/there
sql -c "COPY (SELECT path, chunk, range_offset, range_length, embedding FROM vexfs_embedding) TO STDOUT" | sort >/tmp/known
{ wc -l /tmp/there; diff /tmp/there /tmp/known; tail -n 5 /tmp/follow.log; } >/tmp/said 2>&1
[ -s /tmp/there ] && cmp -s /tmp/there /tmp/known
app_result $? "$(wc -l </tmp/there) embeddings: the table is equal"
sed 's/^/# /' /tmp/said | head -n 8
# shellcheck disable=SC2016	# likewise
debroot_run bash -c '. /root/pg; cd /tmp; as pg_ctl -s -m fast stop' >/tmp/said 2>&1
app_end
