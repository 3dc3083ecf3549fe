# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages of Debian suites that this machine's apt does not know (Debian 13, its backports, unstable). apt gets a state
# of its own for them, under the cache: lists, sources, no preferences. Proxies are the host's, its mirror too, and
# signatures are checked against Debian's keyring; the host's apt is never changed. Nothing is installed from there.

SUITE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

suite_state() { printf '%s/apt-suite-%s' "$VEX_CACHE" "${1//,/+}"; }

# suite_sources SUITES: deb lines.
suite_sources() {
	local s by=''
	if [[ -f $SUITE_KEYRING ]]; then by="[signed-by=$SUITE_KEYRING] "; fi
	for s in ${1//,/ }; do
		if [[ $s == *-security ]]; then
			printf 'deb %s%s %s main\n' "$by" "$(apt_mirror security)" "$s"
		else
			printf 'deb %s%s %s main\n' "$by" "$(apt_mirror main)" "$s"
		fi
	done
}

# suite_apt SUITES CMD...: the command with apt asking those suites; "host": as it is.
suite_apt() {
	local suites=$1 state sources
	shift
	if [[ $suites == host ]]; then "$@"; return; fi
	state=$(suite_state "$suites")
	mkdir -p "$state"/{lists,archives}/partial "$state/none"
	[[ -f $state/status ]] || : >"$state/status"
	# Written only when it differs: apt reads the lists anew when its sources are newer.
	sources=$(suite_sources "$suites")
	[[ $(cat "$state/sources.list" 2>/dev/null) == "$sources" ]] || printf '%s\n' "$sources" >"$state/sources.list"
	cat >"$state/conf" <<-EOF
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "$state/none";
		Dir::Etc::preferences "$state/none/none";
		Dir::Etc::preferencesparts "$state/none";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state";
	EOF
	APT_CONFIG=$state/conf "$@"
}

# suite_update SUITES [--now]: lists older than a day are renewed; where that fails, older ones will do. Fails, with the
# reason, when there are none at all.
suite_update() {
	local suites=$1 state log
	[[ $suites != host ]] || return 0
	state=$(suite_state "$suites") log=$VEX_BUILD/log/apt-update-${suites//,/+}.log
	# A stamp of our own: apt gives lists the time of the server's file.
	if [[ ${2:-} != --now ]] && find "$state/updated" -mtime -1 2>/dev/null | grep -q .; then return; fi
	say "Package lists of Debian ${suites//,/, } (an apt state of their own; this machine's apt stays as it is)"
	if VEX_TAIL=0 quietly "apt-get update for $suites" "$log" suite_apt "$suites" apt-get "${APT_OPTS[@]}" \
		-o APT::Update::Error-Mode=any update; then
		: >"$state/updated"
	elif [[ -f $state/updated ]]; then
		warn "the lists of $suites could not be renewed ($(suite_reason "$log")): continuing with those that are here"
	else
		warn "Debian $suites cannot be read from $(apt_mirror main): $(suite_reason "$log")"
		return 1
	fi
}

# suite_reason LOG: the first thing apt complains of.
suite_reason() { grep -m1 -E '^[EW]: |NO_PUBKEY|not signed' "$1" || printf 'see %s' "${1#"$VEX_ROOT"/}"; }
