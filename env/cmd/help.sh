# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: this list, or the help of one command

# The day's work first; whatever else has a file comes behind it.
HELP_ORDER=(run test fstests crash-test fuzz shell debug crash trace perf vm init image ssh kernel build lint bench report mcp setup
	doctor clean help)

purpose_of() { sed -n 's/^# One-line purpose: //p' "$VEX_ROOT/env/cmd/$1.sh" | head -n1; }

cmd_help() {
	local c f
	printf 'usage: ./vex COMMAND [OPTION]...        ./vex help COMMAND for options and an example\n\n'
	for c in "${HELP_ORDER[@]}"; do
		[[ ! -f $VEX_ROOT/env/cmd/$c.sh ]] || printf '  %-10s %s\n' "$c" "$(purpose_of "$c")"
	done
	for f in "$VEX_ROOT"/env/cmd/*.sh; do
		c=$(basename "${f%.sh}")
		[[ " ${HELP_ORDER[*]} " == *" $c "* ]] || printf '  %-10s %s\n' "$c" "$(purpose_of "$c")"
	done
	printf '\nAlso: ./vex help exit-codes\n'
	cat <<'END'

For another module than VexFS: ./vex init DIR writes DIR/.vex, how it is built and tested; from then on the commands are
about that module when they are called in DIR or below it, as /path/to/vex, or from anywhere with -C:
  ./vex -C DIR test             docs/anymodule.md tells more
END
}

exit_codes() {
	cat <<'END'
  0    passed
  1    a test failed
  2    wrong usage: unknown command, option or value
  3    kernel panic, oops, warning, sanitizer report or leak, whatever the tests said
  4    hang or time-out; the tasks of the guest are in console.log
  5    VM lost: QEMU died, or the guest ended without a verdict
  6    environment broken: missing packages, no network, full disk, build failure
  7    nothing ran
  8    wrong build: debug information and what runs (or was dumped) have different build ids
  9    no dump: the guest panicked, and neither the crash kernel nor the hypervisor gave its memory
  130  interrupted

./vex shell, vm, trace, perf, ssh and debug --batch give the exit status of what ran in the guest when the guest
itself ended well.
END
}

cmd_main() {
	local topic=${1:-}
	[[ $# -le 1 ]] || usage_error "help takes one command"
	case $topic in
	'') cmd_help ;;
	exit-codes) exit_codes ;;
	version) cat "$VEX_ROOT/VERSION" 2>/dev/null || sed -n 's/^VERSION := */vexfs /p' "$VEX_ROOT/Makefile" ;;
	*)
		[[ $topic =~ ^[a-z]+(-[a-z]+)*$ && -f $VEX_ROOT/env/cmd/$topic.sh ]] ||
			die "$EX_USAGE" "no help on '$topic' (see './vex help')"
		# shellcheck source=/dev/null
		. "$VEX_ROOT/env/cmd/$topic.sh"
		cmd_help
		;;
	esac
}
