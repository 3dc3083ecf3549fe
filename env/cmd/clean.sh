# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: remove what was generated

cmd_help() {
	cat <<'END'
usage: ./vex clean [--all]

Removes build/ except the unpacked kernels: what was compiled, the logs of all runs, crash bundles.
--all removes the kernels too, and the whole cache, which all your checkouts share: downloads, built kernels
(minutes each), images with their keys, snapshots, toolchains and lists of other suites, ccache. The next run downloads
about 90 MB again.

example: ./vex clean --all
END
}

cmd_main() {
	local all=0 size
	while (($#)); do
		case $1 in
		--all) all=1 ;;
		-v | --no-install) ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	local dirs=() d
	if [[ -d $VEX_BUILD ]]; then
		mapfile -d '' dirs < <(find "$VEX_BUILD" -mindepth 1 -maxdepth 1 ! -name kernels -print0)
	fi
	if ((all)); then
		for d in "$VEX_BUILD" "$VEX_CACHE"; do if [[ -d $d ]]; then dirs+=("$d"); fi; done
	fi
	if ((${#dirs[@]} == 0)); then say "nothing to remove"; return; fi
	size=$(du -shc "${dirs[@]}" 2>/dev/null | tail -n1 | cut -f1)
	rm -rf "${dirs[@]}"
	say "removed $size"
}
