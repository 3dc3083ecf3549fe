# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: this list, or the help of one command

cmd_help() {
	cat <<'END'
usage: ./vex COMMAND [OPTION]...        ./vex help COMMAND for options and an example

  run      the whole thing on real text: build, boot, store, search, summary
  test     unit tests, guest tests on every kernel, tests of this environment
  shell    a root shell in a guest with a VexFS on /mnt/vexfs
  vm       run one script in a guest, with power cut on demand
  bench    measure: loop (start-up and edit-to-verdict times)
  kernel   list, fetch, build, config, check: the kernels guests run
  setup    install what the commands need, by groups
  doctor   what this machine has, lacks and could do better
  clean    remove what was generated
  help     this text; also: help exit-codes
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
  130  interrupted

./vex shell and ./vex vm give the exit status of what ran in the guest when the guest itself ended well.
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
		[[ $topic =~ ^[a-z]+$ && -f $VEX_ROOT/env/cmd/$topic.sh ]] ||
			die "$EX_USAGE" "no help on '$topic' (see './vex help')"
		# shellcheck source=/dev/null
		. "$VEX_ROOT/env/cmd/$topic.sh"
		cmd_help
		;;
	esac
}
