# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench dirs: names in one large directory, VexFS beside the filesystems that this machine can make and the
# guest's kernel has. One guest; the filesystems take turns in each run, so that a change of load hits all of them.

DIRS_PEERS="ext4 xfs btrfs"
DIRS_KILOBYTES=4	# of disk for each entry: an inode, and as much for what else grows

dirs_guest() {
	local fs disks=()
	for fs in $PEERS; do disks+=(--disk "$fs=$WORK/$fs.img"); done
	cat >"$WORK/guest/job" <<END
ENTRIES=$ENTRIES LOOKUPS=$LOOKUPS RUNS=$RUNS
PEERS="$PEERS" MODULES="$MODULES"
END
	"$VEX_ROOT/vex" vm --lane cold --kernel "$SERIES" --accel "$VM_ACCEL" --memory "$((1024 + ENTRIES / 500))" --cpus 1 \
		--rundir "$WORK/run" --file /dirs="$WORK/guest" --timeout 3000 "${disks[@]}" \
		"$VEX_ROOT/bench/dirs/work.sh" >"$WORK/out" 2>"$WORK/err" || die "$EX_ENV" "the benchmark's guest failed; see $WORK/err"
}

# One line for each measurement: medians in microseconds, and how much longer the peers take.
dirs_table() {
	awk '$1 == "@ns" { key = $3 SUBSEP $2; v[key, ++n[key]] = $4 + 0 }
		function median(key, i, j, t) {
			for (i = 2; i <= n[key]; i++)
				for (j = i; j > 1 && v[key, j] < v[key, j - 1]; j--) { t = v[key, j]; v[key, j] = v[key, j - 1]; v[key, j - 1] = t }
			return v[key, int((n[key] + 1) / 2)]
		}
		END {
			np = split(peers, p, " "); nw = split("absent present list make", w, " ")
			label["absent"] = "lookup of an absent name"; label["present"] = "lookup and stat, inodes not cached"
			label["list"] = "list, per entry"; label["make"] = "create"
			for (i = 1; i <= nw; i++) {
				base = median(w[i] SUBSEP "vexfs")
				printf "  %-36s vexfs %8.2f us", label[w[i]], base / 1000
				for (j = 2; j <= np; j++) printf "   %s %.2f us (x %.2f)", p[j], median(w[i] SUBSEP p[j]) / 1000, median(w[i] SUBSEP p[j]) / base
				print ""
			}
		}' peers="$PEERS" "$WORK/out"
}

bench_main() {
	RUNS=5 ENTRIES=100000 LOOKUPS=20000 SERIES=
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--runs) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--runs $2: use 1 to 99"; RUNS=$2; shift ;;
		--entries)
			need_value "$1" $#
			[[ $2 =~ ^[1-9][0-9]{2,6}$ ]] || usage_error "--entries $2: use 100 to 9999999"
			ENTRIES=$2
			shift
			;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	SERIES=$(kernel_parse "${VM_KERNEL:-6.1}") || exit
	[[ $SERIES != *$'\n'* ]] || usage_error "--kernel: one kernel"
	guest_need bench/dirs "$SERIES"
	vm_need "$SERIES"
	WORK=$(run_dir bench)
	mkdir -p "$WORK/guest/modules"
	{
		make -s -C "$VEX_ROOT" build/bin/mkfs.vexfs &&
			cc -O2 -static -Wall -Wextra -Werror -o "$WORK/guest/lookup" "$VEX_ROOT/bench/dirs/lookup.c"
	} >"$WORK/build.log" 2>&1 || die "$EX_ENV" "cannot compile; see $WORK/build.log"
	peers_find "$((ENTRIES * DIRS_KILOBYTES * 5 / 4 / 1024 + 400))" "$DIRS_PEERS" -i 4096
	say "dirs: $ENTRIES entries, Debian $(kernel_release "$SERIES"), $(nproc) cpus, load $(cut -d' ' -f1 /proc/loadavg); medians of $RUNS runs"
	dirs_guest
	dirs_table
}
