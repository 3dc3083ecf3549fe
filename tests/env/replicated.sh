#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A VexFS on a mirror of two network block devices, one of which is killed, comes back and is synchronised, whereupon the
# other one is killed: what was acknowledged is there, with its embedding, and fsck finds nothing. Disks of QEMU's
# network drivers that cannot be used say why.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

server() { # server NAME: an export of $WORK/NAME.img
	rm -f "$WORK/$1.sock"
	qemu-nbd -t -f raw -e 8 --cache=writeback -k "$WORK/$1.sock" "$WORK/$1.img" >>"$WORK/$1.log" 2>&1 &
	SERVER[$1]=$!
	for _ in {1..100}; do
		[[ ! -S $WORK/$1.sock ]] || return 0
		sleep 0.1
	done
	return 1
}
halt() { kill -9 "${SERVER[$1]}"; wait "${SERVER[$1]}" 2>/dev/null; }
# said REGEX: until the guest has said it, or has ended.
said() {
	until grep -qE "$1" "$WORK/guest.log"; do
		kill -0 "$GUEST" 2>/dev/null || return 1
		sleep 0.2
	done
}

declare -A SERVER
printf '#!/bin/sh\necho here\n' >"$WORK/here.sh"
run "$VEX" vm --rundir "$WORK/none" --disk "d=nbd:unix:$WORK/none.sock" "$WORK/here.sh"
expect 6 "an export that is not there"
says '--disk d: nbd:unix:.*cannot be used: .*No such file' "and why"
run qemu-img info rbd:none/none
if grep -q 'Unknown protocol' "$WORK/out"; then
	run "$VEX" vm --rundir "$WORK/rbd" --disk d=rbd:none/none "$WORK/here.sh"
	says 'no driver for rbd:: apt-get install qemu-block-extra' "a QEMU without rbd names the package"
else
	skip "a QEMU without rbd names the package" "this one has it"
fi
if ! command -v qemu-nbd >/dev/null; then
	skip "a mirror of two exports" "qemu-nbd is not installed (Debian: qemu-utils)"
	exit
fi

cat >"$WORK/mirror.sh" <<'END'
#!/bin/sh
# md's mirror without metadata, made in sysfs: each half is the filesystem as it is.
set -u
modprobe raid1 2>/dev/null || { echo "NO RAID1"; exit 9; }
a=${VEX_DISK_A#/dev/} b=${VEX_DISK_B#/dev/} md=/sys/block/md_r/md
number() { cat "/sys/class/block/$1/dev"; }
echo md_r >/sys/module/md_mod/parameters/new_array
echo none >$md/metadata_version && echo raid1 >$md/level && echo 2 >$md/raid_disks || exit 1
echo none >$md/resync_start
for d in "$a" "$b"; do number "$d" >$md/new_dev || exit 1; done
echo $(($(cat /sys/class/block/$a/size) / 2)) >$md/component_size
echo 0 >$md/dev-$a/slot && echo 1 >$md/dev-$b/slot && echo active >$md/array_state || exit 1
mkdir -p /m
mkfs.vexfs -q /dev/md_r && mount -t vexfs /dev/md_r /m || exit 1
vexctl collection create /m c --dim 4 --metric l2 >/dev/null || exit 1
faulty() { ! grep -q in_sync "$md/dev-$1/state" 2>/dev/null; }
reads() { echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/$1 of=/dev/null bs=4k count=1 2>/dev/null; }
# The half that failed is taken out, and in again when it can be read.
(
	until faulty "$b"; do sleep 0.2; done
	echo "B FAILED"
	until echo remove >$md/dev-$b/state 2>/dev/null; do sleep 0.2; done
	until [ -e /tmp/back ] && reads "$b"; do sleep 0.5; done
	number "$b" >$md/new_dev
	until echo recover >$md/sync_action 2>/dev/null; do sleep 0.2; done
	until [ "$(cat $md/degraded)" = 0 ]; do sleep 0.2; done
	echo "SYNCHRONISED"
	until faulty "$a"; do sleep 0.2; done
	echo "A FAILED"
	: >/tmp/alone
) &
i=0 left=60
while [ $left -gt 0 ]; do
	i=$((i + 1))
	echo "text $i" >/m/f$i && echo "$i 1 2 3" | vexctl set -c c /m/f$i - >/dev/null && sync /m/f$i || { echo "write $i failed"; exit 1; }
	echo "ACKNOWLEDGED $i"
	[ $i -ne 100 ] || : >/tmp/back
	[ ! -e /tmp/alone ] || left=$((left - 1))
done
umount /m
END
cat >"$WORK/after.sh" <<'END'
#!/bin/sh
mkdir -p /m
mount -t vexfs "$VEX_DISK_D" /m || exit 1
i=0 bad=0
while [ $i -lt LAST ]; do
	i=$((i + 1))
	[ "$(cat /m/f$i)" = "text $i" ] || { echo "f$i is wrong"; bad=1; }
	[ "$(vexctl get -c c /m/f$i | tr -s ' \n' ' ')" = "$i 1 2 3 " ] || { echo "f$i lost its embedding"; bad=1; }
done
n=$(echo "0 1 2 3" | vexctl search -c c --vector - -k 1024 --json /m | grep -c '"path"')
[ "$n" -ge LAST ] || { echo "a search finds $n"; bad=1; }
[ $bad -eq 0 ] && echo "ALL LAST THERE"
END

truncate -s 128M "$WORK/a.img" "$WORK/b.img"
server a && server b
report $? "two exports"
"$VEX" vm --rundir "$WORK/guest" --timeout 900 --disk "a=nbd:unix:$WORK/a.sock" --disk "b=nbd:unix:$WORK/b.sock" \
	"$WORK/mirror.sh" >"$WORK/guest.log" 2>&1 </dev/null &
GUEST=$!
if ! said '^ACKNOWLEDGED 40$' && grep -q 'NO RAID1' "$WORK/guest.log"; then
	skip "a mirror of two exports" "the guest's kernel has no raid1"
	halt a; halt b
	exit
fi
halt b
said '^B FAILED' && said '^ACKNOWLEDGED 90$'
report $? "the second export is killed: writing continues"
server b && said '^SYNCHRONISED'
report $? "it comes back and is synchronised"
halt a
said '^A FAILED'
report $? "the first export is killed"
STATUS=0
wait "$GUEST" || STATUS=$?
cp "$WORK/guest.log" "$WORK/out"
expect 0 "writing continues on the second alone"
last=$(sed -n 's/^ACKNOWLEDGED //p' "$WORK/guest.log" | tail -n 1)
halt b
run "$ROOT/build/bin/fsck.vexfs" -n "$WORK/b.img"
expect 0 "fsck finds nothing on it"
sed -i "s/LAST/$last/g" "$WORK/after.sh"
run "$VEX" vm --rundir "$WORK/after" --disk d="$WORK/b.img" "$WORK/after.sh"
expect 0 "it is mounted"
says "^ALL $last THERE" "all $last acknowledged files and embeddings are there, and found"
