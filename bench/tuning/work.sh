#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The guest's half of bench/tuning. $TUNING_WORK says what to do; lines "@ms NAME N" and "@clock MS" go to the host.
centis() { read -r up _ </proc/uptime; echo "$up" | tr -d .; }

# Small programs and pipelines, what test scripts are made of.
forks() {
	i=0
	while [ "$i" -lt "$1" ]; do
		echo "line $i of many" | /bin/busybox sed 's/line/row/' | /bin/busybox grep -c row >/dev/null
		i=$((i + 1))
	done
}

timed() { # timed NAME COMMAND...
	name=$1 start=$(centis)
	shift
	"$@"
	echo "@ms $name $((($(centis) - start) * 10))"
}

disk_writes() {
	i=0
	while [ "$i" -lt 200 ]; do
		dd if=/dev/zero of="$VEX_DISK_D" bs=4k count=16 seek=$((i * 16)) conv=notrunc,fsync 2>/dev/null
		i=$((i + 1))
	done
}

two() {
	forks 40 &
	forks 40
	wait
}

case $(cat /tuning) in
forks) timed forks forks 60 ;;
# Addresses at random, as any kernel has them without norandmaps.
aslr) echo 2 >/proc/sys/kernel/randomize_va_space; timed forks forks 60 ;;
one) timed one forks 40 ;;
two) timed two two ;;
disk) timed disk disk_writes ;;
# A second of the guest: how long the host waits between the two lines is the host's to measure.
clock) echo "@tick"; sleep 5; echo "@tock" ;;
esac
