# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages. The host's own apt configuration (sources, proxies, pinning) is used as it is; nothing is
# downloaded from anywhere else.

# packages_missing PKG...: those that are not installed, one a line; one question to dpkg for all of them.
# shellcheck disable=SC2016	# dpkg-query expands it
packages_missing() {
	dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		awk -v all="$*" '$1 == "installed" { here[$2] = 1 }
			END { n = split(all, p, " "); for (i = 1; i <= n; i++) if (!(p[i] in here)) print p[i] }'
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "neither root nor sudo: $1 cannot run" >&2
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
APT_PATIENCE=600	# seconds another apt may take

# apt-daily of a machine that has just started, another ./vex, or a person. apt itself waits for dpkg's lock only.
apt_locked() { grep -qE '^E: (Could not get lock|Unable to lock directory|Unable to acquire the dpkg)' "$1"; }

# apt_quietly LABEL LOG CMD...: Ctrl-C reaches apt and dpkg by the terminal. They end at a place from which dpkg can go
# on, which takes a moment: what goes on after ./vex has ended would hold dpkg's lock against the next one.
apt_quietly() {
	local rc=0 stop=0 traps
	traps=$(trap -p INT TERM HUP)
	trap 'stop=1; note "interrupted: waiting until apt has stopped"' INT TERM HUP
	VEX_TAIL=0 quietly "$@" || rc=$?
	trap - INT TERM HUP
	eval "$traps"
	if ((stop)); then exit "$EX_INT"; fi
	return "$rc"
}

# A dpkg that was killed, or whose machine went down, wants to finish its work first.
dpkg_finish() {
	local log=$1
	grep -q "dpkg was interrupted, you must" "$log" || return 1
	note "dpkg was interrupted earlier: finishing its work"
	apt_quietly "dpkg --configure -a" "$log" as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C dpkg --configure -a
}

# apt_run LABEL LOG ARGUMENT...: apt-get as root, when no other apt is at work any more. Its output is in LOG.
apt_run() {
	local label=$1 log=$2 rc said=0 since=$SECONDS
	shift 2
	while :; do
		rc=0
		apt_quietly "$label" "$log" as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get "${APT_OPTS[@]}" "$@" || rc=$?
		if ((rc)) && dpkg_finish "$log"; then continue; fi
		if ((rc == 0)) || ! apt_locked "$log" || ((SECONDS - since > APT_PATIENCE)); then break; fi
		if ((!said)); then note "another apt is at work: waiting for it ($(apt_holder "$log"))"; fi
		said=1
		sleep 1
	done
	if ((rc)); then
		warn "$label failed; the last lines of ${log#"$VEX_ROOT"/}:"
		tail -n 15 "$log" >&2
	fi
	return "$rc"
}

# Who holds the lock, as far as apt says.
apt_holder() { grep -m1 -oE 'held by process [0-9]+( \([^)]*\))?' "$1" || printf 'its lock is held'; }

# Each process writes a log of its own: two commands may install at once. Those of processes that have ended go.
apt_log() {
	local f
	mkdir -p "$VEX_BUILD/log"
	for f in "$VEX_BUILD"/log/apt-*-[0-9]*.log; do
		[[ -f $f ]] || continue
		[[ -d /proc/$(tr -dc 0-9 <<<"${f##*-}") ]] || rm -f "$f"
	done
	printf '%s/log/apt-%s-%d.log' "$VEX_BUILD" "$1" "$$"
}

apt_update() {
	say "apt-get update"
	apt_run "apt-get update" "$(apt_log update)" -o APT::Update::Error-Mode=any update
}

# apt_failed PKG...: the reason as far as apt's log tells it.
apt_failed() {
	local why="package archive not reachable?" log
	for log in "$VEX_BUILD/log"/apt-{update,install}-$$.log; do
		[[ -f $log ]] || continue
		if apt_locked "$log"; then why="another apt has been at work for $((APT_PATIENCE / 60)) minutes"; fi
		if grep -q '^sudo: ' "$log"; then why="sudo refuses: $(grep -m1 '^sudo: ' "$log" | cut -d' ' -f2-)"; fi
	done
	die "$EX_ENV" "could not install: $* ($why); check the network and" \
		"/etc/apt/sources.list*, or install these packages by hand, then run the command again"
}

# need_packages PKG...: install what is missing, after saying so. Commands call need (env/lib/needs.sh).
need_packages() {
	local missing lock
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0
	[[ $VEX_INSTALL == 1 ]] || die "$EX_ENV" "missing packages: ${missing[*]}; without --no-install" \
		"they are installed for you, or run: apt-get install --no-install-recommends ${missing[*]}"
	((EUID == 0)) || command -v sudo >/dev/null || die "$EX_ENV" \
		"missing packages: ${missing[*]}; run as root or install sudo so that they can be installed"
	say "Installing with apt (host packages, no kernel): ${missing[*]}"
	need_space /usr 1200 "installing packages"
	# One ./vex at a time; what another one installs meanwhile is not missing any more.
	mkdir -p "$VEX_CACHE"
	exec {lock}>"$VEX_CACHE/.apt.lock"
	if ! flock -n "$lock"; then
		note "another ./vex installs packages: waiting for it"
		flock "$lock"
		mapfile -t missing < <(packages_missing "$@")
	fi
	if ((${#missing[@]})); then packages_install "${missing[@]}"; fi
	exec {lock}>&-
}

# packages_install PKG...: under the lock.
packages_install() {
	local log inst=(install -y --no-install-recommends "$@")
	log=$(apt_log install)
	if apt_lists_stale; then apt_update || apt_failed "$@"; fi
	apt_run "apt-get install" "$log" "${inst[@]}" && return 0
	# A 404 means the lists are older than the archive: refresh once and try again.
	apt_update || apt_failed "$@"
	apt_run "apt-get install" "$log" "${inst[@]}" || apt_failed "$@"
}
