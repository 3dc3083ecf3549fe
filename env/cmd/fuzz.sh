# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: hostile images through fsck, dump and core; hostile calls in a guest

cmd_help() {
	cat <<'END'
usage: ./vex fuzz image [--time T] [--runs N] [--seed S] [--engine ENGINE] [--out DIR]
       ./vex fuzz image --show FILE
       ./vex fuzz ioctl [--time T] [--seed S] [--kernel NAME]

image: changes images that use every feature (values, records, whole blocks; checksums are made right afterwards) and gives
each to fsck.vexfs -n, dump.vexfs, the functions of core/ as the kernel uses them, and fsck.vexfs -y twice, in one
program, under the address and undefined-behaviour sanitizers. Nothing may crash, hang, leak, or ask for memory without
bounds; -n and dump may not write; what -y says it has repaired must be clean; the second -y may write nothing.

  --time T        so long: seconds, or with a suffix: 10m, 2h [1m, without --runs]
  --runs N        so many images
  --seed S        begin with this; it is printed [the clock]
  --engine ENGINE own: a driver that keeps what reaches new code; libfuzzer: clang's, with the same changes; auto:
                  libfuzzer where clang has it [auto]
  --out DIR       where finds go: the program (find-SEED-N), its image, what was printed [~/.cache/vex/fuzz]
  --show FILE     do it again, and show what the tools print

The last line says how many images, how fast, and how much of the code was reached. Ends with 1 after a find.

ioctl: makes ioctl, xattr, ACL, fallocate and quota calls by a grammar with strange sizes, flags, names and pointers, on
descriptors of every kind, from threads of root, two users and the root of a user namespace, on one filesystem that is
frozen and whose collections are exchanged meanwhile; then on the same one read-only. A call that does not return, an
error that is not documented, root's work done for a user, a byte written that is not an answer, a complaint of the
kernel or of fsck is a find; the line of it tells the call. Ends with 1 after a find.

  --time T        so long in each of the two halves, as the guest's clock counts [1m]
  --seed S        of what is called; when threads meet is not part of it; it is printed [the clock]
  --kernel NAME   in a guest with this kernel; debug-6.12 has KASAN and lockdep [6.1]

examples:
  ./vex fuzz ioctl --time 10m --kernel debug-6.12
  ./vex fuzz image --time 10m
  ./vex fuzz image --runs 2000 --seed 7 --engine own
  ./vex fuzz image --show ~/.cache/vex/fuzz/find-7-1
END
}

# fuzz_seconds T: 90, 90s, 10m, 2h in seconds.
fuzz_seconds() {
	[[ $1 =~ ^([1-9][0-9]{0,6})([smh]?)$ ]] || usage_error "invalid time '$1' (example: 10m)"
	case ${BASH_REMATCH[2]} in
	m) echo $((BASH_REMATCH[1] * 60)) ;;
	h) echo $((BASH_REMATCH[1] * 3600)) ;;
	*) echo "${BASH_REMATCH[1]}" ;;
	esac
}

# The clang that links with libFuzzer, or nothing.
fuzz_clang() {
	local cc dir
	dir=$(mktemp -d)
	echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return !p && n; }' >"$dir/probe.c"
	for cc in clang "${VEX_CLANG:-clang-19}"; do
		type -P "$cc" >/dev/null || continue
		if "$cc" -fsanitize=fuzzer,address,undefined "$dir/probe.c" -o "$dir/probe" 2>/dev/null; then
			echo "$cc"
			break
		fi
	done
	rm -rf "$dir"
}

# fuzz_build CLANG: the program, by gcc with our driver, or by clang with libFuzzer; its path in FUZZ_BIN.
fuzz_build() {
	local args=() out=build
	if [[ -n $1 ]]; then
		out=build/fuzz-clang
		args=(CC="$1" BUILD="$out" CFLAGS=-DVEXFS_LIBFUZZER FUZZ_COVER=-fsanitize=fuzzer-no-link FUZZ_MAIN=-fsanitize=fuzzer)
	fi
	quietly "building the fuzzer" "$VEX_BUILD/log/fuzz-build.log" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory \
		"${args[@]}" "$out/fuzz_image" || die "$EX_ENV" "the fuzzer does not build: build/log/fuzz-build.log"
	FUZZ_BIN=$VEX_ROOT/$out/fuzz_image
}

# fuzz_note CODE: the run in the history, by the counts that the fuzzer left. Without them it ended before it began.
fuzz_note() {
	local counts=$VEX_BUILD/log/fuzz-image.counts seed
	[[ -s $counts ]] || return 0
	seed=$(sed -n 's/^seed=//p' "$counts")
	sed -i '/^seed=/d' "$counts"
	history_add "fuzz image" "$1" --text "seed=$seed" --counts "$counts"
	rm -f "$counts"
}

# fuzz_libfuzzer OUT TIME RUNS SEED
fuzz_libfuzzer() {
	local out=$1 corpus=$1/corpus log=$VEX_BUILD/log/fuzz-image.log rc=0 seed=$4
	seed=${seed:-$((RANDOM * 32768 + RANDOM + 1))}
	mkdir -p "$corpus"
	quietly "fuzzing (seed $seed)" "$log" "$FUZZ_BIN" -artifact_prefix="$out/find-" -max_len=145 -timeout=60 \
		-close_fd_mask=3 -rss_limit_mb=2048 -print_final_stats=1 -max_total_time="${2:-0}" -runs="${3:--1}" \
		-seed="$seed" "$corpus" || rc=$?
	awk -v seed="$seed" -v counts="$VEX_BUILD/log/fuzz-image.counts" -v finds="$((rc != 0))" '/ cov: [0-9]+/ { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
		/number_of_executed_units/ { n = $2 } /average_exec_per_sec/ { rate = $2 } /new_units_added/ { kept = $2 }
		END { printf "%d executions (%d/s), %d places in the code reached, %d programs kept, seed %s\n",
			n, rate, cov, kept, seed
			printf "images=%d\nfinds=%d\nplaces in the code reached=%d\nprograms kept=%d\nseed=%s\n",
				n, finds, cov, kept, seed >counts }' "$log"
	((rc == 0)) || say "FIND: $(grep -oE 'Test unit written to .*' "$log" | tail -n1); again: ./vex fuzz image --show FILE"
	return $((rc != 0))
}

fuzz_image() {
	local time='' runs='' seed='' engine=auto out=$VEX_CACHE/fuzz show='' clang='' args=() rc=0
	while (($#)); do
		case $1 in
		--time | --runs | --seed | --engine | --out | --show) need_value "$1" $# ;;&
		--time) time=$(fuzz_seconds "$2") || exit; shift ;;
		--runs) [[ $2 =~ ^[1-9][0-9]{0,11}$ ]] || usage_error "invalid number '$2' (example: 1000)"; runs=$2; shift ;;
		--seed) [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "invalid seed '$2' (example: 7)"; seed=$2; shift ;;
		--engine) [[ $2 =~ ^(auto|own|libfuzzer)$ ]] || usage_error "--engine $2: use auto, own or libfuzzer"
			engine=$2; shift ;;
		--out) out=$2; shift ;;
		--show) [[ -f $2 ]] || usage_error "--show $2: no such file"; show=$(readlink -f "$2"); shift ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	need fuzz/image
	if [[ -n $show ]]; then
		fuzz_build ''
		exec "$FUZZ_BIN" --show "$show"
	fi
	if [[ $engine != own ]]; then clang=$(fuzz_clang); fi
	[[ $engine != libfuzzer || -n $clang ]] || die "$EX_ENV" "no clang here links with -fsanitize=fuzzer: use --engine own"
	fuzz_build "$clang"
	mkdir -p "$out"
	[[ -n $time$runs ]] || time=60
	env_build		# vexpage
	rm -f "$VEX_BUILD/log/fuzz-image.counts"
	# shellcheck disable=SC2034	# read by history_add
	HISTORY_MS=$(now_ms)
	if [[ -n $clang ]]; then
		fuzz_libfuzzer "$out" "$time" "$runs" "$seed" || rc=$?
		fuzz_note "$rc"
		return "$rc"
	fi
	if [[ -n $time ]]; then args+=(--time "$time"); fi
	if [[ -n $runs ]]; then args+=(--runs "$runs"); fi
	if [[ -n $seed ]]; then args+=(--seed "$seed"); fi
	child "$FUZZ_BIN" --out "$out" --counts "$VEX_BUILD/log/fuzz-image.counts" "${args[@]}" || rc=$?
	fuzz_note "$rc"
	return "$rc"
}

# The program is the guest test: tests/guest/calls.c.
fuzz_ioctl() {
	local time=60 seed=$((RANDOM * 32768 + RANDOM + 1)) kernel=6.1 dir
	while (($#)); do
		case $1 in
		--time | --seed | --kernel) need_value "$1" $# ;;&
		--time) time=$(fuzz_seconds "$2") || exit; shift ;;
		--seed) [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "invalid seed '$2' (example: 7)"; seed=$2; shift ;;
		--kernel) kernel=$(kernel_parse "$2") || exit; shift ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	[[ $kernel != *$'\n'* ]] || usage_error "--kernel: one kernel"
	[[ $(kernel_arch "$kernel") == amd64 ]] || usage_error "--kernel $kernel: use a kernel for amd64"
	guest_need fuzz/ioctl "$kernel"
	build_guest "$kernel"
	dir=$(run_dir fuzz-ioctl)
	printf '#!/bin/sh\nexec /vex/calls %s %s\n' "$time" "$seed" >"$dir/calls.sh"
	say "./vex fuzz ioctl --time $time --seed $seed --kernel $kernel"
	exec "$VEX_ROOT/vex" vm --kernel "$kernel" --rundir "$dir/guest" --disk test=64M --ktap \
		--file "/vex/calls=$VEX_BUILD/guest/tests/calls" --timeout $((2 * time + 240)) "$dir/calls.sh"
}

cmd_main() {
	local what=${1:-}
	[[ $what =~ ^(image|ioctl)$ ]] || usage_error "fuzz what? (image, ioctl)"
	shift
	"fuzz_$what" "$@"
}
