# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench fs: what applications do with files, VexFS beside the filesystems that this machine can make and the
# guest's kernel has, on equal disks in one guest. In each round they take turns, row by row, so that a change of load
# hits all of them.

FS_PEERS="ext4 xfs btrfs f2fs"
FS_MEBIBYTES=700	# of each disk: more than any row leaves on it

# fs_rows PATTERN: names of the rows that match, in order.
fs_rows() { "$WORK/guest/work" list | awk -v pattern="^($1)$" '$1 ~ pattern { print $1 }'; }

fs_guest() {
	local fs disks=()
	for fs in $PEERS; do disks+=(--disk "$fs=$WORK/$fs.img"); done
	cat >"$WORK/guest/job" <<END
ROUNDS=$ROUNDS ROWS="$ROWS"
PEERS="$PEERS" MODULES="$MODULES"
END
	"$VEX_ROOT/vex" vm --lane cold --kernel "$SERIES" --accel "$VM_ACCEL" --memory 1024 --cpus 2 \
		--rundir "$WORK/run" --file /fs="$WORK/guest" --timeout 7200 "${disks[@]}" \
		"$VEX_ROOT/bench/fs/work.sh" >"$WORK/out" 2>"$WORK/err" || die "$EX_ENV" "the benchmark's guest failed; see $WORK/err"
}

# One line for each row: medians in milliseconds, and the best peer's over VexFS's: above 1 VexFS is faster.
fs_table() {
	{
		"$WORK/guest/work" list | sed 's/^/@row /'
		cat "$WORK/out"
	} | awk '
		$1 == "@row" { name = $2; sub(/^@row [^ ]+ /, ""); label[name] = $0 }
		$1 == "@ns" { key = $3 SUBSEP $2; v[key, ++n[key]] = $4 + 0 }
		function median(key, i, j, t) {
			for (i = 2; i <= n[key]; i++)
				for (j = i; j > 1 && v[key, j] < v[key, j - 1]; j--) { t = v[key, j]; v[key, j] = v[key, j - 1]; v[key, j - 1] = t }
			return n[key] % 2 ? v[key, (n[key] + 1) / 2] : (v[key, n[key] / 2] + v[key, n[key] / 2 + 1]) / 2
		}
		function text(row, i) {
			printf "  %-32s %6s  vexfs %9.1f", label[row], ratio, ms["vexfs"]
			for (i = 2; i <= np; i++) printf "  %s %9.1f", p[i], ms[p[i]]
			print ""
		}
		function json(row, first, i) {
			printf "%s\n  {\"row\": \"%s\", \"label\": \"%s\", ", (first ? "" : ","), row, label[row]
			printf "\"ratio\": %s, \"best\": %s, \"ms\": {", (best == "" ? "null" : ratio), (best == "" ? "null" : "\"" best "\"")
			for (i = 1; i <= np; i++) printf "%s\"%s\": %.3f", (i > 1 ? ", " : ""), p[i], ms[p[i]]
			printf "}}"
		}
		END {
			np = split(peers, p, " "); nw = split(rows, w, " ")
			if (asjson) printf "{\"kernel\": \"%s\", \"rounds\": %d, \"rows\": [", kernel, rounds
			for (k = 1; k <= nw; k++) {
				best = ""; ratio = "-"
				for (i = 1; i <= np; i++) {
					ms[p[i]] = median(w[k] SUBSEP p[i]) / 1e6
					if (i > 1 && (best == "" || ms[p[i]] < ms[best])) best = p[i]
				}
				if (best != "") ratio = sprintf("%.2f", ms[best] / ms["vexfs"])
				if (asjson) json(w[k], k == 1); else text(w[k])
			}
			if (asjson) print "\n]}"
		}' peers="$PEERS" rows="$ROWS" asjson="$JSON" kernel="$(kernel_release "$SERIES")" rounds="$ROUNDS" -
}

fs_options() {
	ROUNDS=3 SERIES='' ROWS='.*' JSON=0
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--rounds) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--rounds $2: use 1 to 99"; ROUNDS=$2; shift ;;
		--rows) need_value "$1" $#; ROWS=$2; shift ;;
		--json) JSON=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	SERIES=$(kernel_parse "${VM_KERNEL:-6.1}") || exit
	[[ $SERIES != *$'\n'* ]] || usage_error "--kernel: one kernel"
}

fs_build() {
	WORK=$(run_dir bench)
	mkdir -p "$WORK/guest/modules"
	{
		make -s -C "$VEX_ROOT" build/bin/mkfs.vexfs &&
			cc -O2 -static -Wall -Wextra -Werror -o "$WORK/guest/work" "$VEX_ROOT"/bench/fs/{work,names,data}.c
	} >"$WORK/build.log" 2>&1 || die "$EX_ENV" "cannot compile; see $WORK/build.log"
}

bench_main() {
	local pattern
	fs_options "$@"
	guest_need bench/fs "$SERIES"
	fs_build
	pattern=$ROWS
	ROWS=$(fs_rows "$pattern" | tr '\n' ' ')
	[[ $ROWS == *[a-z]* ]] || usage_error "--rows $pattern: no row has such a name (there are: $(fs_rows '.*' | tr '\n' ' '))"
	vm_need "$SERIES"
	peers_find "$FS_MEBIBYTES" "$FS_PEERS" -i 4096
	((JSON)) || say "fs: Debian $(kernel_release "$SERIES"), $(nproc) cpus, load $(cut -d' ' -f1 /proc/loadavg); medians of $ROUNDS rounds in ms; ratio: best of the others / vexfs"
	fs_guest
	fs_table
	JSON=1 fs_table >"$WORK/rows.json"
	history_add "bench fs" 0 --text "kernel=$SERIES" --bench "$WORK/rows.json"
	rm -f "$WORK"/*.img
}
