# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by env/test
# One-line purpose: unit tests, guest tests on every kernel, tests of this environment

cmd_help() {
	cat <<'END_HELP'
usage: ./vex test [OPTION]...

Builds everything, then runs the host's unit tests, the guest tests on each kernel, and the tests
of the environment itself. The last line is "N passed, N failed[, N skipped]"; see './vex help
exit-codes' for the exit status. Logs and junit.xml are below build/runs/. docs/testing.md tells more.

In another module (./vex init) the guest tests are its smoke test and the scripts of its "tests" directory, on the
kernels its configuration names.

Without --kernel: every test on Debian 12's kernels, a slice of them on each other kernel that is here
(fetched, or built and in the cache); what is left out is printed with its reason.

  --only WHAT           host, guest, env or bare; repeatable [the first three]; env has a slice of bare: commands, each
                        the first on a fresh Debian 12, as root, as a user with sudo and as one without (needs root)
  --filter REGEX        only guest and environment tests, or cases of tests/bare/cases, whose name matches
  --full                every kernel (built where missing) and the tests that take minutes
  --jobs N              guests at a time [one per processor]
  --repeat N            each guest and environment test N times
  --until-fail          guest tests again and again until one fails (with --repeat: at most N rounds)
  --show WHAT           results or tap (every line the tests print, as it comes) [results]
  --tests DIR           guest tests from DIR (scripts; C programs of tests/guest) [tests/guest]
  --known FILE          the list of known failures [tests/known-failures]
  --json                one object on standard output, all else on standard error (docs/json.md)
END_HELP
	vm_options_help
	cat <<'END_HELP'
                        here also several by commas, all, or a trait: stock, debug, rust

examples:
  ./vex test
  ./vex test --only guest --kernel 6.12 --filter 'names|rename' --show tap
  ./vex test --only guest --kernel debug --filter '^stress$' --until-fail
END_HELP
}

# test_guest: what is planned of guest tests.
test_guest() {
	local dir=$T_DIR/guest cpus how planned total shards root rounds=()
	planned=$(test_accel) || exit
	read -r cpus how <<<"$planned"
	if ((T_UNTIL_FAIL)); then dir+=.1 rounds=(--until-fail --rounds "$T_ROUNDS"); fi
	mkdir -p "$dir"
	planned=$(plan_guest "$dir" "$cpus") || exit
	read -r total shards root <<<"$planned"
	if ((total == 0)); then note "no guest test matches (filter: ${T_FILTER:-none})"; return; fi
	plan_root "$root"
	say "Guest tests: $total on ${T_KERNELS[*]}; $shards guests, $T_JOBS at a time, $how"
	run_guests --tests "$T_TESTS" --data "$(data_dir)" "${rounds[@]}"
}

parse_options() {
	T_ONLY=() T_FILTER='' T_FULL=0 T_SHOW=results T_JOBS='' T_REPEAT=1 T_UNTIL_FAIL=0 T_ROUNDS=0
	T_TESTS=$(module_file "${MODULE[tests]:-}") T_KNOWN=$VEX_ROOT/tests/known-failures
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--only | --filter | --show | --jobs | --repeat | --tests | --known) need_value "$1" $# ;;
		esac
		case $1 in
		--only) [[ $2 =~ ^(host|guest|env|bare)$ ]] || usage_error "--only $2: use host, guest, env or bare"
			T_ONLY+=("$2"); shift ;;
		--filter) T_FILTER=$2; shift ;;
		--full) T_FULL=1 ;;
		--show) [[ $2 =~ ^(results|tap)$ ]] || usage_error "--show $2: use results or tap"
			T_SHOW=$2; shift ;;
		--jobs) [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--jobs $2: use a number from 1 to 99"; T_JOBS=$2; shift ;;
		--repeat) [[ $2 =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "--repeat $2: use a number from 1 to 9999"
			T_REPEAT=$2; shift ;;
		--until-fail) T_UNTIL_FAIL=1 ;;
		--tests) [[ -d $2 ]] || usage_error "--tests $2: no such directory"; T_TESTS=$(readlink -f "$2"); shift ;;
		--known) [[ -f $2 ]] || usage_error "--known $2: no such file"; T_KNOWN=$(readlink -f "$2"); shift ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	((${#VM_DISKS[@]} == 0)) || usage_error "--disk: each test says which disks it needs"
	if ! module_is_own; then test_foreign; fi
	((${#T_ONLY[@]})) || T_ONLY=(host guest env)
	# With --until-fail a round is each test once.
	if ((T_UNTIL_FAIL && T_REPEAT > 1)); then T_ROUNDS=$T_REPEAT T_REPEAT=1; fi
	T_JOBS=${T_JOBS:-$(default_jobs)}
	local rx
	rx=$(grep -E -- "$T_FILTER" <<<"" >/dev/null 2>&1; echo $?)
	[[ $rx != 2 ]] || usage_error "invalid --filter '$T_FILTER': it is an extended regular expression"
}

# test_foreign: of another module there are guest tests, and no list of known failures unless one is named.
test_foreign() {
	[[ -z ${T_ONLY[*]} || ${T_ONLY[*]} == guest ]] ||
		usage_error "--only ${T_ONLY[*]}: of ${MODULE[name]} there are guest tests only"
	T_ONLY=(guest)
	if [[ $T_TESTS == "$(module_file "${MODULE[tests]:-}")" ]]; then T_TESTS=$(module_test_dir); fi
	[[ $T_KNOWN != "$VEX_ROOT/tests/known-failures" ]] || T_KNOWN=''
	[[ -n $VM_KERNEL ]] || ((T_FULL)) || VM_KERNEL=$(module_kernels)
}

# Commands on a bare machine need root, and what makes that machine; the slice of them is left out where nothing may be
# installed.
test_wants() {
	((!T_FULL)) || WANTS+=(--full)
	if [[ $1 == *" bare "* ]] || { [[ $1 == *" env "* ]] && ((EUID == 0 && VEX_INSTALL == 1)); }; then WANTS+=(--bare); fi
}

cmd_main() {
	local k wants
	parse_options "$@"
	wants=" ${T_ONLY[*]} "
	test_kernels "$VM_KERNEL"
	test_wants "$wants"
	guest_need test "${T_KERNELS[@]}"
	env_build		# vexreport counts what no guest ran, too
	# With the compiler here, kernels of the cache can be told from others.
	test_kernels "$VM_KERNEL"
	for k in "${T_NOT_HERE[@]}"; do note "left out: $k: $(kernel_missing "$k")"; done
	mapfile -t T_KERNELS < <(kernel_reachable "$VM_KERNEL" "${T_KERNELS[@]}")
	((${#T_KERNELS[@]})) || die "$EX_ENV" "no kernel of --kernel $VM_KERNEL can be had: the lines above say why"
	T_DIR=$(run_dir test)
	report_add directory "$T_DIR"
	report_add tests "$T_TESTS"
	known_read "$T_DIR"
	if [[ -s $T_DIR/known.tap ]]; then
		sed -n 's/^# /    EXPIRED /p' "$T_DIR/known.tap" >&2
	fi
	if [[ $wants == *" guest "* ]]; then
		# A broken set-up is found before anything is built for it.
		vm_need "${T_KERNELS[@]}"
		kernel_check_quick "${T_KERNELS[@]}"
	fi
	if [[ $wants == *" host "* ]]; then
		build_tools
		test_host "$T_DIR"
	fi
	if [[ $wants == *" guest "* ]]; then
		build_guest "${T_KERNELS[@]}"
		for k in "${T_KERNELS[@]}"; do build_module "$k"; machine_write "$T_DIR/machines" "$k"; done
		test_guest
	fi
	if [[ $wants =~ \ (env|bare)\  ]] && ! run_interrupted; then
		vm_need 6.1
		test_env
	fi
	run_finish test
}
