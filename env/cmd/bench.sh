# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: measure: start-up and edit-to-verdict times, effects of tuning

cmd_help() {
	cat <<'END'
usage: ./vex bench loop [--runs N] [--kernel SERIES] [--accel ACCEL]
       ./vex bench tuning [--runs N] [--kernel SERIES]
       ./vex bench vectors [--graph] [--runs N] [--set NAME] [--data DIR] [--json]
       ./vex bench dirs [--runs N] [--entries N] [--kernel SERIES]
       ./vex bench fs [--rounds N] [--rows PATTERN] [--kernel SERIES] [--json]
       ./vex bench embed [--misses] [--wordnet DIR]

loop: medians of N runs [5], cold and warm (UML: cold): guest started -> first word of init; ./vex shell typed -> a
command has run on a mounted VexFS; one changed line in kmod/ -> verdict of the smoke test,
split into build, guest and test. If virtme-ng is installed it boots the same kernel beside it.

tuning: what each setting of the emulator is worth here: norandmaps, tsc_early_khz, two guests of one processor
against one of two, the caching mode of disks. Medians of N runs [3].

vectors: the distance kernels and exact search on this host's processor, against Faiss where Debian's libfaiss-dev is
installed, on the real vectors of --data DIR ($VEXFS_DATA, ../shared/data) or one --set of them. --json: for programs.
--graph, first: the graph index of core/ instead, against hnswlib and Faiss's HNSW (libhnswlib-dev, libfaiss-dev).

dirs: names in one directory of N entries [100000], made, looked up and listed, in a guest; beside ext4, xfs and btrfs
where this machine has mkfs for them and the kernel knows them. Medians of N runs [5], and ratios.

embed: questions of several kinds and languages (bench/embed/questions.tsv), each with the file that answers it: how
often vexctl search finds that first, and among the first three. Then embedders on real texts with held-out ones as
queries: titles of Stack Exchange judged by a strong model, and descriptions of Debian's packages. On this host, without
a guest. --misses names questions whose file is not found first; --wordnet: where it is [/usr/share/wordnet].

fs: what applications do with files, on equal disks in one guest: VexFS and ext4, xfs, btrfs, f2fs, those for which this
machine has mkfs and the kernel the module, in turns. Medians of N rounds [3] in milliseconds, and the ratio of the best
of the others to VexFS: above 1 VexFS is faster. --rows: those whose whole name matches (an ERE). --json: for programs.

examples: ./vex bench loop --runs 7
          ./vex bench fs --rows 'rand_.*|mmap_write' --kernel 6.12
END
}

# stats NAME MS...: median (least .. most); the median in seconds in WORK/counts, for the history.
stats() {
	local name=$1
	shift
	printf '%s\n' "$@" | sort -n | awk -v name="$name" -v counts="$WORK/counts" '{ v[NR] = $1 }
		END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "  %-46s %7.2f s   (%.2f .. %.2f, %d runs)\n", name, m / 1000, v[1] / 1000, v[NR] / 1000, NR
			sub(/^ +/, "", name)
			printf "%s, s=%.3f\n", name, m / 1000 >>counts }'
}

median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

bench_vectors() {
	local a args=() out
	for a; do
		case $a in
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) args+=("$a") ;;
		esac
	done
	need bench/vectors
	if [[ " ${args[*]} " != *" --json "* ]]; then exec bash "$VEX_ROOT/bench/vectors/run.sh" "${args[@]}"; fi
	env_build		# vexpage
	mkdir -p "$VEX_BUILD/bench-vectors"
	out=$VEX_BUILD/bench-vectors/rows-$$.json
	bash "$VEX_ROOT/bench/vectors/run.sh" "${args[@]}" | tee "$out"
	history_add "bench vectors" 0 --bench "$out"
	rm -f "$out"
}

cmd_main() {
	local what=${1:-}
	[[ $what =~ ^[a-z]+$ ]] || usage_error "bench what? (loop, tuning, vectors, dirs, fs, embed)"
	shift
	[[ -f $VEX_ROOT/bench/$what/run.sh ]] || usage_error "unknown benchmark '$what' (loop, tuning, vectors, dirs, fs, embed)"
	if [[ $what == vectors ]]; then bench_vectors "$@"; return; fi
	# shellcheck source=/dev/null
	. "$VEX_ROOT/bench/$what/run.sh"
	bench_main "$@"
}
