#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# env-test: quick
# The power fails in the middle of work on a VexFS: the next mount recovers, what was synced is there
# with its embedding, and fsck finds nothing. The cut kills QEMU, so whatever the guest's kernel
# had not sent to the disk is gone.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# with_module NAME [OPTION]...: the script on stdin in a guest that has vexfs.ko.
with_module() {
	local name=$1
	shift
	{ printf '#!/bin/sh\nset -u\nmkdir -p /m\n'; cat; } >"$WORK/$name.sh"
	run "$VEX" vm --rundir "$WORK/$name" --disk d="$WORK/disk" "$@" "$WORK/$name.sh"
}

truncate -s 64M "$WORK/disk"
with_module make <<'END'
mkfs.vexfs -q "$VEX_DISK_D" && mount -t vexfs "$VEX_DISK_D" /m || exit 1
vexctl collection create /m c --dim 8 --type f32 --metric l2 || exit 1
umount /m
END
expect 0 "a filesystem with a collection"

# Three cuts, each a little later: files 1..K are synced, then work goes on until the cut.
synced=0
for cut in 1 2 3; do
	with_module "cut$cut" --kill-after-marker "SYNCED $((synced + 40))" <<END
mount -t vexfs "\$VEX_DISK_D" /m || exit 1
i=$synced
while :; do
	i=\$((i + 1))
	head -c \$((i * 37 % 9000 + 1)) /dev/zero | tr '\\0' "\\\\\$(printf %o \$((i % 90 + 33)))" >/m/f\$i
	echo "\$i 1 0 0 0 0 0 2" | vexctl set --collection c /m/f\$i - || exit 1
	[ \$((i % 20)) -ne 0 ] || { sync; echo "SYNCED \$i"; }
	echo junk >>/m/junk
	[ \$((i % 7)) -ne 0 ] || rm -f /m/junk
done
END
	expect 0 "power cut $cut, in the middle of writing"
	synced=$((synced + 40))

	with_module "after$cut" <<END
fsck.vexfs -n "\$VEX_DISK_D" >/tmp/fsck || { cat /tmp/fsck; echo "fsck found damage before the mount"; }
mount -t vexfs "\$VEX_DISK_D" /m || { dmesg | tail -n 3; exit 1; }
bad=0 i=0
while [ \$i -lt $synced ]; do
	i=\$((i + 1))
	[ "\$(wc -c </m/f\$i)" -eq \$((i * 37 % 9000 + 1)) ] || { echo "f\$i has the wrong size"; bad=1; }
	case "\$(vexctl get --collection c /m/f\$i | tr -s ' \\n' ' ')" in
	"\$i 1 0 0 0 0 0 2"*) ;;
	*) echo "f\$i lost its embedding"; bad=1 ;;
	esac
done
umount /m
fsck.vexfs -n "\$VEX_DISK_D" >/tmp/fsck || { cat /tmp/fsck; echo "fsck found damage"; bad=1; }
[ \$bad -eq 0 ] && echo "ALL \$i THERE"
END
	expect 0 "the next mount recovers"
	says "^ALL $synced THERE" "all $synced synced files and their embeddings are there"
	if grep -q 'found damage' "$WORK/out"; then report 1 "fsck is content"; else report 0 "fsck is content"; fi
done
