# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: control the guest that runs now: picture, snapshot, any QMP command

cmd_help() {
	cat <<'END'
usage: ./vex qmp [--guest NAME] screenshot FILE
       ./vex qmp [--guest NAME] save NAME
       ./vex qmp [--guest NAME] powerdown | cont | stop | COMMAND | JSON...

Talks to the monitor of a running guest: any image guest, or a fast one started with --qmp.

  screenshot FILE       write its screen to FILE (PNG); the guest needs --graphical
  save NAME             save a snapshot of an image guest, which goes on; load it with
                        ./vex shell --image --snapshot load NAME
  COMMAND, JSON         a QMP command (query-status, system_powerdown) or a whole QMP object; the answer is
                        printed as QEMU sends it
  --guest NAME          the guest of run directory build/runs/NAME [the newest]

example: ./vex qmp '{"execute":"human-monitor-command","arguments":{"command-line":"info network"}}'
END
}

cmd_main() {
	local name='' dir
	while (($#)); do
		case $1 in
		--guest) need_value "$1" $#; name=$2; shift 2 ;;
		-v) export VEX_VERBOSE=1; shift ;;
		-*) usage_error "unknown option '$1'" ;;
		*) break ;;
		esac
	done
	(($#)) || usage_error "which command?"
	dir=$(guest_pick "$name") || exit
	[[ -S $dir/qmp.sock ]] || die "$EX_ENV" "guest ${dir##*/} has no monitor for us: start it with --qmp"
	case $1 in
	screenshot)
		(($# == 2)) || usage_error "screenshot requires one FILE"
		qmp_screenshot "$dir" "$(readlink -m "$2")"
		note "screen: $2"
		;;
	save)
		[[ ${2:-} =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$ ]] || usage_error "save requires a name of letters, digits, . _ -"
		need qmp save
		snapshot_save "$dir" "$2"
		;;
	powerdown) qmp "$dir" system_powerdown ;;
	*) qmp "$dir" "$@" ;;
	esac
}
