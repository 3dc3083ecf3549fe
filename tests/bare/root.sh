# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The bare machine: a Debian 12 of mmdebstrap's variant minbase with git and ca-certificates, made once and kept in
# the cache. It also has sudo and two accounts; a case whose role has no sudo purges the package first.

BARE_SUITE=bookworm
BARE_INCLUDE=git,ca-certificates,sudo

# bare_cannot: why cases cannot run here; nothing when they can.
bare_cannot() {
	if ((EUID)); then
		printf 'needs root'
	elif ! unshare --mount --pid --fork true 2>/dev/null; then
		printf 'needs mount and pid name spaces (a privileged container)'
	elif ! command -v mmdebstrap >/dev/null; then
		printf 'needs mmdebstrap: ./vex setup image'
	elif ! bare_upper "$WORK"; then
		printf 'needs overlayfs'
	fi
}

# bare_upper DIR: whether overlayfs takes its upper layer from DIR, or from a tmpfs; sets BARE_UPPER to disk or tmpfs.
bare_upper() {
	# shellcheck disable=SC2016	# the inner shell expands it
	local try='mkdir -p "$1/t/l" "$1/t/u" "$1/t/w" && mount -t overlay o -o \
		"lowerdir=$1/t/l,upperdir=$1/t/u,workdir=$1/t/w" "$1/t/l"' kind
	for kind in disk tmpfs; do
		BARE_UPPER=$kind
		if [[ $kind == tmpfs ]]; then try="mount -t tmpfs t \"\$1\" && $try"; fi
		if unshare --mount sh -c "$try" sh "$1" 2>/dev/null; then break; fi
		BARE_UPPER=
	done
	rm -rf "$1/t"
	[[ -n $BARE_UPPER ]]
}

# The archives this host takes Debian 12 from; Debian's own where it takes none.
bare_sources() {
	local found
	# shellcheck disable=SC2016	# apt expands it
	found=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk -v s="$BARE_SUITE" '$1 == "Debian" && $4 == "main" && index($3, s) == 1 { print "deb", $2, $3, $4 }' | sort -u)
	if ! grep -q " $BARE_SUITE main" <<<"$found"; then
		found="deb http://deb.debian.org/debian $BARE_SUITE main
deb http://deb.debian.org/debian $BARE_SUITE-updates main
deb http://deb.debian.org/debian-security $BARE_SUITE-security main"
	fi
	printf '%s\n' "$found"
}

# How this host's apt reaches the archives.
bare_proxies() { apt-config dump | grep -E '^Acquire::(http|https)::[^ ]*Proxy' || (($? == 1)); }

# What missing programs leave: one line each in /bare/missing, whatever the caller did with the shell's messages.
bare_handler() {
	cat <<'END_HANDLER'
command_not_found_handle() {
	printf '%s (%s:%s)\n' "$1" "${BASH_SOURCE[1]:-}" "${BASH_LINENO[0]:-}" >>/bare/missing
	printf 'bash: %s: command not found\n' "$1" >&2
	return 127
}
export -f command_not_found_handle
END_HANDLER
}

# bare_furnish DIR: accounts, apt's configuration, the log of missing programs.
bare_furnish() {
	local dir=$1 u
	bare_sources >"$dir/etc/apt/sources.list"
	bare_proxies >"$dir/etc/apt/apt.conf.d/90bare"
	# Overlays are thrown away: dpkg need not wait for a disk.
	printf 'force-unsafe-io\n' >"$dir/etc/dpkg/dpkg.cfg.d/bare"
	for u in sudo user; do chroot "$dir" useradd -m -s /bin/bash "$u"-bare; done
	printf 'sudo-bare ALL=(ALL) NOPASSWD: ALL\n' >"$dir/etc/sudoers.d/bare"
	chmod 440 "$dir/etc/sudoers.d/bare"
	bare_handler >"$dir/etc/profile.d/bare.sh"
	mkdir "$dir/bare"
	: >"$dir/bare/missing"
	chmod 666 "$dir/bare/missing"
	cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
}

# bare_base: sets BARE_BASE, made where it is missing; 1 and the reason in $WORK/base.log when it cannot be made.
bare_base() {
	local key new sources
	key=$({ cat "${BASH_SOURCE[0]}" /etc/resolv.conf; bare_sources; bare_proxies; } | sha256sum | cut -c1-16)
	BARE_BASE=$VEX_CACHE/bare/root-$key BARE_DEBS=$VEX_CACHE/bare/debs
	mkdir -p "$BARE_DEBS/partial"
	exec 8>"$VEX_CACHE/bare/lock"
	flock 8
	if [[ ! -f $BARE_BASE/bare/missing ]]; then
		new=$VEX_CACHE/bare/new
		rm -rf --one-file-system "$VEX_CACHE"/bare/root-* "$new"
		mapfile -t sources < <(bare_sources)
		mmdebstrap --variant=minbase --include="$BARE_INCLUDE" --mode=root "$BARE_SUITE" "$new" "${sources[@]}" \
			>"$WORK/base.log" 2>&1 8>&- && bare_furnish "$new" >>"$WORK/base.log" 2>&1 || return 1
		mv "$new" "$BARE_BASE"
	fi
	exec 8>&-
}

# bare_checkout: $WORK/src, a clone of HEAD with what is changed and not committed, and $WORK/lists, apt's lists of today.
bare_checkout() {
	git -c safe.directory="$ROOT" clone -q --no-local "$ROOT" "$WORK/src" || return 1
	git -C "$ROOT" diff --binary HEAD >"$WORK/diff" || return 1
	if [[ -s $WORK/diff ]]; then git -C "$WORK/src" apply "$WORK/diff" || return 1; fi
	git -C "$ROOT" ls-files -z --others --exclude-standard |
		tar -C "$ROOT" --null -T - -c | tar -C "$WORK/src" -x
}

# bare_lists: $WORK/lists, apt's lists of today, handed in to cases that do not say lists=none.
bare_lists() {
	mkdir -p "$WORK/lists/partial"
	# shellcheck disable=SC2016	# the inner shell expands it
	unshare --mount --propagation private sh -ec '
		mount --bind "$2" "$1/var/lib/apt/lists"
		mount -t tmpfs cache "$1/var/cache/apt"
		mount -t proc proc "$1/proc"
		exec chroot "$1" apt-get -qq update' sh "$BARE_BASE" "$WORK/lists" >"$WORK/lists.log" 2>&1 ||
		{ sed 's/^/# /' "$WORK/lists.log"; return 1; }
}
