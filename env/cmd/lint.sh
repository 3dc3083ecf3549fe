# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: linters over the C tree, the shell, manual pages and workflow files

cmd_help() {
	cat <<'EOF'
usage: ./vex lint [--quick] [--kernel NAME] [LINTER...]        (make lint is the same)

Runs every linter, or those named, over the whole tree; findings come as FILE:LINE: [RULE] MESSAGE. Findings that are
accepted stand in tests/lint/accepted, each with its reason. What did not change since the last run is not looked at
again. A linter whose program is missing is installed (./vex setup lint), or skipped with the reason under --no-install.

  spdx        every source names its licence
  shape       long functions, files and lines; white space
  needs       what a command calls is covered by env/needs.list
  shellcheck  vex and every other shell script
  man         manual pages (mandoc)
  yaml        workflow files (yamllint)
  format      clang-format, by share of lines
  cppcheck    C
  sparse      the module, through kbuild with C=2
  cocci       semantic patches: tests/lint/cocci, and in full runs the kernel's own
  tidy        clang-tidy with the analyzer          (not with --quick)
  checkpatch  the kernel's style check               (not with --quick)

  --kernel NAME    the kernel whose headers sparse uses [6.1]
  --tree DIR       needs: look at the scripts of another checkout
  --json           one object on standard output, all else on standard error (docs/json.md)
  --no-install, -v

Ends with 1 when there are findings, 7 when nothing ran.

example: ./vex lint --quick && ./vex lint tidy
EOF
}

cmd_main() {
	local names=() quick=0 l rc failed=0 broken=0 ran=0 all=("${LINT_QUICK[@]}" "${LINT_SLOW[@]}") everything=0
	LINT_SKIPPED=()
	while (($#)); do
		case $1 in
		--quick) quick=1 ;;
		--kernel) need_value "$1" $#; kernel_known "$2" || usage_error "unknown kernel '$2'"
			export LINT_KERNEL=$2; shift ;;
		--tree) need_value "$1" $#; [[ -f $2/vex ]] || usage_error "--tree $2: no checkout of VexFS"
			LINT_TREE=$(readlink -f "$2"); export LINT_TREE; shift ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) [[ " ${all[*]} " == *" $1 "* ]] || usage_error "unknown linter '$1': there are ${all[*]}"
			names+=("$1") ;;
		esac
		shift
	done
	if ((quick)); then
		((${#names[@]} == 0)) || usage_error "--quick is a choice of linters: not together with their names"
		names=("${LINT_QUICK[@]}")
	elif ((${#names[@]} == 0)); then
		names=("${all[@]}")
		everything=1
		export LINT_FULL=1
	fi
	[[ -z ${LINT_TREE:-} || "${names[*]}" == needs ]] || usage_error "--tree is for the linter needs"
	if [[ $VEX_INSTALL == 1 ]]; then need lint; fi
	if [[ " ${names[*]} " == *" sparse "* && $VEX_INSTALL == 1 ]]; then kernel_need "${LINT_KERNEL:-6.1}"; fi
	# shellcheck disable=SC2034	# read by lint_run
	LINT_DIR=$(lint_dir)
	say "Linters: ${names[*]}"
	for l in "${names[@]}"; do
		rc=0
		lint_run "$l" || rc=$?
		case $rc in
		0) ran=$((ran + 1)) ;;
		1) failed=$((failed + 1)) ;;
		*) broken=$((broken + 1)) ;;
		esac
	done
	# Only what a whole run does not need is not needed.
	local unused=''
	if ((everything && failed + broken == 0)); then
		for l in "${LINT_SKIPPED[@]}"; do names=("${names[@]/#$l/}"); done
		unused=$(lint_unused "${names[@]}")
	fi
	if [[ -n $unused ]]; then
		printf '%s\n' "$unused"
		failed=$((failed + 1))
	fi
	ran=$((ran - ${#LINT_SKIPPED[@]}))
	printf '%d linters clean, %d with findings, %d skipped' "$ran" "$failed" "${#LINT_SKIPPED[@]}"
	if ((broken)); then printf ', %d broken' "$broken"; fi
	printf '\n'
	((broken == 0)) || return "$EX_ENV"
	((failed == 0)) || return "$EX_FAILED"
	((ran)) || return "$EX_NOTHING"
}
