# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: unit tests, guest tests on every kernel, tests of this environment

cmd_help() {
	cat <<'END'
usage: ./vex test [OPTION]...

Builds everything, then runs the host's unit tests, the guest tests on each kernel, and the tests
of the environment itself. The last line is "N passed, N failed[, N skipped]"; see './vex help
exit-codes' for the exit status. Logs and junit.xml are below build/runs/.

  --only WHAT           host, guest or env; repeatable [all three]
  --filter REGEX        only guest and environment tests whose name matches
  --full                also the tests that take minutes
  --show WHAT           results or tap (every line the tests print) [results]
END
	vm_options_help
	cat <<'END'

examples:
  ./vex test
  ./vex test --only guest --kernel 6.12 --filter 'mkfs|rename' --show tap
END
}

T_PASSED=0 T_FAILED=0 T_SKIPPED=0 T_WORST=0

# A run's exit code is that of its gravest part: a panic is more than a failed test.
worse() {
	local order=(0 1 7 5 4 3 6 130) c a=0 b=0 i
	for i in "${!order[@]}"; do
		c=${order[i]}
		if ((c == $1)); then a=$i; fi
		if ((c == T_WORST)); then b=$i; fi
	done
	if ((a > b)); then T_WORST=$1; fi
}

count() {
	T_PASSED=$((T_PASSED + $1))
	T_FAILED=$((T_FAILED + $2))
	T_SKIPPED=$((T_SKIPPED + $3))
	if (($2)); then worse 1; fi
}

# ---- host unit tests -------------------------------------------------------------------------

test_host() {
	local log=$VEX_BUILD/log/check.log rc=0 line
	say "Unit tests on the host"
	VEX_TAIL=40 quietly "make check" "$log" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory check || rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n1) || true
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
		count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" 0
		note "$line"
		# Failing without a failed test is a suite that crashed.
		if ((rc && BASH_REMATCH[2] == 0)); then count 0 1 0; fi
	else
		note "make check printed no summary; see ${log#"$VEX_ROOT"/}"
		count 0 1 0
	fi
}

# ---- guest tests -------------------------------------------------------------------------------

# needs_of FILE: the words behind "needs:" in the first such line.
needs_of() { sed -n 's/.*\bneeds: *//p' "$1" | head -n1 | sed 's#\*/.*##'; }

# need VALUES NAME DEFAULT
need() {
	local w
	for w in $1; do
		if [[ $w == "$2="* ]]; then printf '%s' "${w#*=}"; return; fi
	done
	printf '%s' "$3"
}

# Prints one line per test: NAME PATH SOURCE; the C programs come from build/guest/tests.
guest_tests() {
	local f name
	for f in "$VEX_ROOT"/tests/guest/*.sh "$VEX_ROOT"/tests/guest/*.c; do
		[[ -f $f ]] || continue
		name=$(basename "$f")
		name=${name%.*}
		[[ $name =~ $T_FILTER ]] || continue
		if [[ $f == *.c ]]; then
			[[ -f $VEX_BUILD/guest/tests/$name ]] || continue
			printf '%s %s %s\n' "$name" "$VEX_BUILD/guest/tests/$name" "$f"
		elif grep -q 'needs:' "$f"; then
			# A .sh file without needs is a library other tests source.
			printf '%s %s %s\n' "$name" "$f" "$f"
		fi
	done
}

skip_test() { note "skipped $1/$2: $3"; count 0 0 1; }

# One boot serves all tests that want the same memory, processors and lane.
plan_guest() {
	local series=$1 dir=$2 name path src needs kernels lane
	: >"$dir/plan"
	while read -r name path src; do
		needs=$(needs_of "$src")
		kernels=$(need "$needs" kernel "")
		lane=$(need "$needs" lane "$VM_LANE")
		if [[ -n $kernels && ",$kernels," != *",$series,"* ]]; then
			skip_test "$series" "$name" "only for kernel $kernels"
			continue
		fi
		if [[ " $needs " == *" full "* && $T_FULL == 0 ]]; then
			skip_test "$series" "$name" "takes long; run with --full"
			continue
		fi
		printf '%s|%s|%s|%s|%s|%s|%s\n' "$(parse_mb "$(need "$needs" mem 768M)")" \
			"$(need "$needs" cpus 2)" "$lane" "$name" "$path" "$(need "$needs" time 60)" "$needs" >>"$dir/plan"
	done < <(guest_tests)
	sort -t'|' -k1,3 -s -o "$dir/plan" "$dir/plan"
}

# The disks of a group: every name any member wants, at the largest size wanted.
group_disks() {
	grep -oE 'disk=[A-Za-z0-9_-]+:[0-9]+[KMG]?' "$1" | sed 's/^disk=//' | awk -F: '
		function bytes(s, n) { n = s + 0
			if (s ~ /K$/) n *= 1024; if (s ~ /M$/) n *= 1048576; if (s ~ /G$/) n *= 1073741824
			return n }
		{ if (bytes($2) > max[$1]) { max[$1] = bytes($2); text[$1] = $2 } }
		END { for (d in text) print d "=" text[d] }' | sort
}

data_dir() {
	local d=${VEXFS_DATA:-$VEX_ROOT/../shared/data}
	if [[ -d $d ]]; then readlink -f "$d"; fi
}

write_group_job() {
	local group=$1 dir=$2 series=$3 mem cpus lane name path time needs
	{
		job_base "$series"
		printf 'kind tests\n'
	} >"$dir/job"
	local data=''
	while IFS='|' read -r mem cpus lane name path time needs; do
		printf 'test %s %s /vex/tests/%s\n' "$name" "$time" "$name" >>"$dir/job"
		printf 'file /vex/tests/%s 0755 %s\n' "$name" "$path"
		if [[ " $needs " == *" data "* ]]; then data=$(data_dir); fi
	done <"$group"
	for path in "$VEX_ROOT"/tests/guest/*; do
		# Libraries and data files that tests look for beside themselves.
		[[ -f $path && $path != *.c ]] || continue
		name=$(basename "$path")
		grep -q 'needs:' "$path" || printf 'file /vex/tests/%s 0755 %s\n' "$name" "$path"
	done
	if [[ -n $data ]]; then
		printf 'tree /vex/data %s\n' "$data"
		printf 'env VEX_DATA=/vex/data\n' >>"$dir/job"
	fi
	payload_base "$series"
}

# After a guest that died: what had not started yet gets a guest of its own.
not_started() {
	local group=$1 tap=$2 started
	started=$(sed -n 's/^# vex: start \([^ ]*\) .*/\1/p' "$tap")
	[[ -n $started ]] || return 0
	awk -F'|' -v s="$started" 'BEGIN { n = split(s, a, "\n"); for (i = 1; i <= n; i++) seen[a[i]] = 1 }
		!($4 in seen)' "$group"
}

run_group() {
	local group=$1 dir=$2 series=$3 rc=0 mem cpus lane rest total
	mkdir -p "$dir"
	IFS='|' read -r mem cpus lane rest <"$group"
	write_group_job "$group" "$dir" "$series" >"$dir/entries"
	payload_write "$dir" <"$dir/entries"
	mapfile -t VM_DISKS < <(group_disks "$group")
	if ((${#VM_DISKS[@]} > 4)); then
		die "$EX_ENV" "the tests of one boot want more than 4 different disks (${VM_DISKS[*]}): share names"
	fi
	total=$(awk -F'|' '{ s += $6 } END { print s + 120 }' "$group")
	VM_LANE=$lane VM_MEMORY=$mem VM_CPUS=$cpus \
		vm_start "$dir" "$series" --show "$T_SHOW" --timeout "$total" || rc=$?
	T_TAPS+=(--suite "$series" "$dir/tap.log")
	if ((rc)); then
		worse "$rc"
		note "$(cause_of "$rc"); log: ${dir#"$VEX_ROOT"/}"
	fi
	if ((rc == EX_INT)); then exit "$EX_INT"; fi
	# A guest that never said a word about any test counts as one failure.
	if ((rc)) && ! grep -q '^# vex: plan' "$dir/tap.log"; then count 0 1 0; return; fi
	if ((rc == EX_PANIC || rc == EX_HANG || rc == EX_LOST)); then
		not_started "$group" "$dir/tap.log" >"$dir/again"
		if [[ -s $dir/again ]]; then
			grep -vFf <(cut -d'|' -f4 "$dir/again" | sed 's/^/# vex: plan /') "$dir/tap.log" >"$dir/tap.new" || true
			mv "$dir/tap.new" "$dir/tap.log"
			note "$(wc -l <"$dir/again") tests had not started: a new guest for them"
			run_group "$dir/again" "$dir.again" "$series"
		fi
	fi
}

test_guest() {
	local series=$1 dir=$2/$1 key n=0 start
	mkdir -p "$dir"
	plan_guest "$series" "$dir"
	if [[ ! -s $dir/plan ]]; then note "no guest test for $series (filter: ${T_FILTER:-none})"; return; fi
	while read -r key; do
		n=$((n + 1))
		grep -F "$key|" "$dir/plan" | awk -F'|' -v k="$key" '($1 "|" $2 "|" $3) == k' >"$dir/group$n"
		start=$(now_ms)
		say "Guest tests on $series ($(kernel_release "$series")), boot $n: $(wc -l <"$dir/group$n") tests"
		run_group "$dir/group$n" "$dir/boot$n" "$series"
		note "$(result_field "$dir/boot$n" lane) lane, $(result_field "$dir/boot$n" accel)," \
			"ready after $(result_field "$dir/boot$n" ready_ms) ms, $(secs $(($(now_ms) - start))) s in all"
	done < <(cut -d'|' -f1-3 "$dir/plan" | sort -u)
}

# ---- the environment's own tests -----------------------------------------------------------------

test_env() {
	local dir=$1/env f name rc out n_ok n_bad n_skip
	mkdir -p "$dir"
	say "Tests of the environment"
	for f in "$VEX_ROOT"/tests/env/*.sh; do
		name=$(basename "${f%.sh}")
		[[ -f $f && $name != lib && $name =~ $T_FILTER ]] || continue
		if ((T_FULL == 0)) && ! grep -q '^# env-test: quick' "$f"; then
			skip_test env "$name" "takes long; run with --full"
			continue
		fi
		rc=0
		bash "$f" >"$dir/$name.tap" 2>"$dir/$name.err" </dev/null &
		tick_while $! "$name"
		wait $! || rc=$?
		out=$dir/$name.tap
		n_ok=$(grep -cE '^ok ' "$out") || true
		n_skip=$(grep -cE '^ok .*# SKIP' "$out") || true
		n_bad=$(grep -cE '^not ok ' "$out") || true
		if ((rc && n_bad == 0)) || ((n_ok + n_bad == 0)); then
			n_bad=$((n_bad + 1))
			printf 'not ok %s ended with status %d\n' "$name" "$rc" >>"$out"
		fi
		count "$((n_ok - n_skip))" "$n_bad" "$n_skip"
		note "$name: $((n_ok - n_skip)) passed, $n_bad failed${n_skip:+, $n_skip skipped}"
		if ((n_bad)); then grep -E '^(not ok|#)' "$out" | sed 's/^/      /' >&2 || true; fi
		grep -E '^ok .*# SKIP' "$out" | sed 's/^/      /' >&2 || true
	done
}

cmd_main() {
	local only=() s dir numbers kernels
	T_FILTER='' T_FULL=0 T_SHOW=results T_TAPS=()
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--only) need_value "$1" $#; [[ $2 =~ ^(host|guest|env)$ ]] || usage_error "--only $2: use host, guest or env"
			only+=("$2"); shift ;;
		--filter) need_value "$1" $#; T_FILTER=$2; shift ;;
		--full) T_FULL=1 ;;
		--show) need_value "$1" $#; [[ $2 =~ ^(results|tap)$ ]] || usage_error "--show $2: use results or tap"
			T_SHOW=$2; shift ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	((${#only[@]})) || only=(host guest env)
	local rx
	rx=$(grep -E -- "$T_FILTER" <<<"" >/dev/null 2>&1; echo $?)
	[[ $rx != 2 ]] || usage_error "--filter '$T_FILTER' is no extended regular expression"
	mapfile -t kernels < <(kernel_parse "${VM_KERNEL:-stock}")
	((${#kernels[@]})) || exit "$EX_USAGE"
	build_packages "${PKG_CHECK[@]}"
	dir=$(run_dir test)
	if [[ " ${only[*]} " == *" guest "* ]]; then
		# A broken set-up is found before anything is built for it.
		vm_need "${kernels[@]}"
		kernel_check_quick "${kernels[@]}"
	fi
	if [[ " ${only[*]} " == *" host "* ]]; then
		build_tools
		test_host
	fi
	if [[ " ${only[*]} " == *" guest "* ]]; then
		build_guest
		for s in "${kernels[@]}"; do build_module "$s"; done
		for s in "${kernels[@]}"; do test_guest "$s" "$dir"; done
		if ((${#T_TAPS[@]})); then
			numbers=$("$VEX_BUILD/env/vexreport" --junit "$dir/junit.xml" --skips --failures "${T_TAPS[@]}")
			# shellcheck disable=SC2086
			count $numbers
		fi
	fi
	if [[ " ${only[*]} " == *" env "* ]]; then
		vm_need 6.1
		test_env "$dir"
	fi
	note "logs: ${dir#"$VEX_ROOT"/}"
	if ((T_PASSED + T_FAILED == 0)); then
		worse "$EX_NOTHING"
		warn "nothing ran: no test matches"
	fi
	printf '%d passed, %d failed' "$T_PASSED" "$T_FAILED"
	if ((T_SKIPPED)); then printf ', %d skipped' "$T_SKIPPED"; fi
	printf '\n'
	return "$T_WORST"
}
