#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One case on a fresh bare machine. Runs as the first process of a pid name space, in a mount name space of its own, so
# that mounts and processes go with it. From the environment: BARE_BASE, BARE_DEBS, BARE_UPPER, BARE_ROLE,
# BARE_LIMIT (seconds), BARE_NET, BARE_WITH (parts of the cache handed in), BARE_CACHE, BARE_SRC, BARE_LISTS. In the directory $1:
# setup and command (shell text); left there: out, rc, seconds, installed, missing, running, logs.
set -euo pipefail
dir=$1
root=$dir/root
case $BARE_ROLE in
root) account=root home=/root ;;
*) account=$BARE_ROLE-bare home=/home/$BARE_ROLE-bare ;;
esac

# layer LOWER NAME TARGET: TARGET is LOWER, and can be written to without LOWER's knowledge.
layer() {
	mkdir -p "$dir/layers/$2/up" "$dir/layers/$2/work" "$3"
	mount -t overlay "$2" -o "lowerdir=$1,upperdir=$dir/layers/$2/up,workdir=$dir/layers/$2/work,metacopy=on,volatile" "$3"
}

enter() { chroot "$root" "$@"; }
count() { grep -c '^Status: install ok installed' "$root/var/lib/dpkg/status"; }

mkdir -p "$dir/layers"
if [[ $BARE_UPPER == tmpfs ]]; then mount -t tmpfs -o size=80% layers "$dir/layers"; fi
layer "$BARE_BASE" root "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind -o ro /sys "$root/sys"
# Not the directory itself: apt locks it, and several cases may run.
layer "$BARE_DEBS" archives "$root/var/cache/apt/archives"
if [[ -n $BARE_LISTS ]]; then mount --bind "$BARE_LISTS" "$root/var/lib/apt/lists"; fi
cp -a "$BARE_SRC" "$root$home/vexfs"
mkdir -p "$root$home/.cache/vex"
for part in ${BARE_WITH//,/ }; do
	if [[ $part == +* && $BARE_ROLE == root ]]; then
		mkdir -p "$BARE_CACHE/${part#+}" "$root$home/.cache/vex/${part#+}"
		mount --bind "$BARE_CACHE/${part#+}" "$root$home/.cache/vex/${part#+}"
		continue
	fi
	part=${part#+}
	if [[ -d $BARE_CACHE/$part ]]; then layer "$BARE_CACHE/$part" "$part" "$root$home/.cache/vex/$part"; fi
done
enter chown -R "$account:" "$home"
if [[ $BARE_ROLE != sudo ]]; then enter env SUDO_FORCE_REMOVE=yes dpkg --purge sudo; fi >"$dir/out" 2>&1
if [[ -s $dir/setup ]]; then
	{ cat "$dir/setup"; } >"$root/bare/setup"
	enter env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -ec "cd $home/vexfs; . /bare/setup" >"$dir/out" 2>&1
	enter chown -R "$account:" "$home"
fi
cp "$dir/command" "$root/bare/command"
# Not by chroot: a process in one may make no user name space, which mmdebstrap and unshare of an ordinary user want.
# shellcheck disable=SC2016	# the inner shell expands it
pivot='cd "$1" && shift && mkdir -p bare/old && pivot_root . bare/old && cd / && umount -l /bare/old && exec "$@"'
inner=(unshare --mount --propagation private)
if [[ $BARE_NET == none ]]; then inner+=(--net); fi
before=$(count) start=$SECONDS rc=0
"${inner[@]}" bash -c "$pivot" bash "$root" timeout --kill-after=30 "$BARE_LIMIT" runuser -l "$account" -c 'cd vexfs && . /bare/command' >"$dir/out" 2>&1 </dev/null || rc=$?
printf '%s\n' "$((SECONDS - start))" >"$dir/seconds"
printf '%s\n' "$(($(count) - before))" >"$dir/installed"
for p in /proc/[0-9]*; do
	if [[ ${p#/proc/} != "$$" ]]; then tr '\0' ' ' <"$root$p/cmdline" 2>/dev/null; fi
done >"$dir/running" || :
cp "$root/bare/missing" "$dir/missing"
if [[ -d $root$home/vexfs/build/log ]]; then cp -r "$root$home/vexfs/build/log" "$dir/log"; fi
find "$dir/layers/archives/up" -maxdepth 1 -name '*.deb' -exec cp -un -t "$BARE_DEBS" {} +
printf '%s\n' "$rc" >"$dir/rc"
