# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages. The host's own apt configuration (sources, proxies, pinning) is used as it is; nothing is
# downloaded from anywhere else.

apt_installed() {
	local s
	s=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) || return 1
	[[ $s == installed ]]
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		return 126
	fi
}

# Lists older than two weeks name package versions that the archive has already dropped.
apt_lists_stale() {
	local newest
	newest=$(find /var/lib/apt/lists -maxdepth 1 \( -name '*InRelease' -o -name '*_Packages*' \) \
		-mtime -14 -print -quit 2>/dev/null)
	[[ -z $newest ]]
}

APT_OPTS=(-o DPkg::Lock::Timeout=120 -o Acquire::Retries=2)

apt_update() {
	say "apt-get update"
	quietly "apt-get update" "$VEX_BUILD/log/apt-update.log" \
		as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTS[@]}" \
		-o APT::Update::Error-Mode=any update
}

apt_failed() {
	die "$EX_ENV" "could not install: $* (package archive not reachable?); check the network and" \
		"/etc/apt/sources.list*, or install these packages by hand, then run the command again"
}

# need_packages PKG...: install what is missing, after saying so.
need_packages() {
	local p missing=()
	for p in "$@"; do
		apt_installed "$p" || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	[[ $VEX_INSTALL == 1 ]] || die "$EX_ENV" "missing packages: ${missing[*]}; without --no-install" \
		"they are installed for you, or run: apt-get install --no-install-recommends ${missing[*]}"
	((EUID == 0)) || command -v sudo >/dev/null || die "$EX_ENV" \
		"missing packages: ${missing[*]}; run as root or install sudo so that they can be installed"
	say "Installing with apt (host packages, no kernel): ${missing[*]}"
	need_space /usr 1200 "installing packages"
	if apt_lists_stale; then apt_update || apt_failed "${missing[@]}"; fi
	local inst=(as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTS[@]}" install -y
		--no-install-recommends "${missing[@]}")
	quietly "apt-get install" "$VEX_BUILD/log/apt-install.log" "${inst[@]}" && return 0
	# A 404 means the lists are older than the archive: refresh once and try again.
	apt_update || apt_failed "${missing[@]}"
	quietly "apt-get install" "$VEX_BUILD/log/apt-install.log" "${inst[@]}" || apt_failed "${missing[@]}"
}

