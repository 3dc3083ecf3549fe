# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# One-line purpose: the Debian kernels guests run

cmd_help() {
	cat <<'END'
usage: ./vex kernel list
       ./vex kernel fetch [SERIES|all] [--update]

Kernels are Debian packages (image, headers, kbuild; cloud-amd64), downloaded by apt into the cache and
unpacked under build/kernels/. None is ever installed on this machine. --update takes a newer version
where the archive has one.

example: ./vex kernel fetch 6.12
END
}

kernel_list() {
	local s
	for s in "${KERNEL_SERIES[@]}"; do
		if kernel_ready "$s"; then
			printf '%-6s %s  (KDIR=%s)\n' "$s" "$(kernel_release "$s")" "build/kernels/$s/kdir/"
		else
			printf '%-6s not fetched yet\n' "$s"
		fi
	done
}

cmd_main() {
	local verb=${1:-} series=all update=0 s
	[[ -n $verb ]] || usage_error "list or fetch?"
	shift
	while (($#)); do
		case $1 in
		--update) update=1 ;;
		--no-install) VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) series=$1 ;;
		esac
		shift
	done
	case $verb in
	list) kernel_list ;;
	fetch)
		for s in $(kernel_parse "$series"); do
			if ((update)); then kernel_fetch "$s"; else kernel_need "$s"; fi
		done
		kernel_list
		;;
	*) usage_error "unknown verb '$verb': list or fetch" ;;
	esac
}
