# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the provisioners. They run twice on a bootstrapped disk (in the chroot, at native speed; then in the
# booted guest) and once on an installed one: each looks first and changes only what is not so yet.
set -euo pipefail

P=${VEX_PAYLOAD:-/tmp/vexfs-payload}	# what the host sent: settings, lists, packages, key
# shellcheck disable=SC2034	# for the stages
VARIANT=${VEX_VARIANT:?dev, test or debug}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
# shellcheck source=env/image/settings.sh
. "$P/settings.sh"

in_chroot() { [[ ${VEX_CHROOT:-0} == 1 ]]; }

# The serial line is watched for stalls: say where we are. A guest without one is provisioned all the same.
stage() {
	printf '==> %s\n' "$*"
	if in_chroot; then return; fi
	{ printf 'vexfs-provision: %s\n' "$*" >/dev/ttyS0; } 2>/dev/null ||
		echo "warning: no serial line to say so on: whoever watches it will take this stage for a stall" >&2
}

installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# need_packages PKG...: without a look at the network when everything is there.
need_packages() {
	local p missing=()
	for p in "$@"; do installed "$p" || missing+=("$p"); done
	((${#missing[@]})) || return 0
	printf 'installing: %s\n' "${missing[*]}"
	apt-get -q update
	apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# put MODE FILE: stdin becomes FILE.
put() {
	mkdir -p "$(dirname "$2")"
	cat >"$2"
	chmod "$1" "$2"
}

# put_if_new MODE FILE: the same, but 1 when FILE already says so: for what costs something to change.
put_if_new() {
	local new
	new=$(mktemp)
	cat >"$new"
	if cmp -s "$new" "$2"; then
		rm -f "$new"
		return 1
	fi
	put "$1" "$2" <"$new"
	rm -f "$new"
}
