#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs on the host while a guest of an image is up (vexvm --session): brings this checkout's module and tools
# into it, mounts what belongs there, then gives it to the user or to a script. The guest ends with us.
#
# VEX_RUNDIR is the run directory; session/ in it may hold command (a shell line), or tree/ (files for /vex in the
# guest, tree/run among them, is what runs). Without either, a shell.
set -euo pipefail
unset CDPATH

VEX_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
VEX_BUILD=$VEX_ROOT/build
VEX_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vex
export VEX_ROOT VEX_BUILD VEX_CACHE
# shellcheck source=env/load.sh
. "$VEX_ROOT/env/load.sh"
module_read "$VEX_ROOT/env/vexfs.module"

PORT=$(guest_ssh_port "$VEX_RUNDIR")
SESSION=$VEX_RUNDIR/session

# guest COMMAND: as root, without our stdin.
guest() { ssh_to "$IMAGE_KEY" "$PORT" root -n -- "$@"; }

# A resumed guest's clock stands where it was saved.
set_clock() { guest "date -s @$(date +%s) >/dev/null"; }

mount_share() {
	[[ -n $IMAGE_SHARE ]] || return 0
	guest 'mkdir -p /share; mountpoint -q /share || mount -t virtiofs share /share 2>/dev/null ||
		{ modprobe 9pnet_virtio && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /share; } 2>/dev/null' ||
		die "$EX_ENV" "the guest's kernel can mount neither virtiofs nor 9p: no --share with this image (as root it is" \
			"virtiofs, which every Debian kernel has)"
}

# The module of this checkout for the kernel that runs there, the tools, and the files of the job.
bring_files() {
	local release tree=$SESSION/files
	mkdir -p "$tree"
	if [[ -d $SESSION/tree ]]; then cp -a "$SESSION/tree/." "$tree/"; fi
	if ((!IMAGE_INSTALLED)); then
		release=$(guest uname -r)
		image_build_for "$release"
		install -D -m 644 "$(image_module "$release")" "$tree/modules/vexfs.ko"
		strip --strip-debug "$tree/modules/vexfs.ko"
		mkdir -p "$tree/bin"
		install -m 755 "$VEX_BUILD"/guest/bin/* "$tree/bin/"
	fi
	tar -C "$tree" -cf - . | ssh_to "$IMAGE_KEY" "$PORT" root 'mkdir -p /vex; tar -C /vex --no-same-owner -xf -'
	rm -rf "$tree"
}

# What image-guest.sh in the guest needs to know, in its environment.
prepare_guest() {
	ssh_to "$IMAGE_KEY" "$PORT" root "VEX_INSTALLED=$IMAGE_INSTALLED VEX_DISKS='$IMAGE_DISK_NAMES' VEX_MOUNT=$1 sh -s" \
		<"$VEX_ROOT/env/guest/image.sh" || die "$EX_ENV" "the guest could not be prepared (see above)"
}

take_picture() {
	[[ -n $IMAGE_SCREENSHOT ]] || return 0
	qmp_screenshot "$VEX_RUNDIR" "$IMAGE_SCREENSHOT"
	note "screen: $IMAGE_SCREENSHOT"
}

status=0
if [[ -n $IMAGE_RESUME ]]; then set_clock; fi
mount_share
if [[ -d $SESSION/tree ]]; then
	bring_files
	prepare_guest 0
	ssh_to "$IMAGE_KEY" "$PORT" root -n -- '. /run/vexfs.env; exec /vex/run' || status=$?
elif [[ -n $IMAGE_RESUME ]]; then
	: # as it was saved, module and mounts included
else
	bring_files
	prepare_guest 1
fi
take_picture
if [[ -n ${VEX_GDB_SOCKET:-} ]]; then
	# shellcheck source=env/debug/image-gdb.sh
	. "$VEX_ROOT/env/debug/image-gdb.sh"
	image_gdb || status=$?
elif [[ -f $SESSION/command ]]; then
	ssh_to "$IMAGE_KEY" "$PORT" root -n -- ". /run/vexfs.env; cd /root; $(<"$SESSION/command")" || status=$?
elif [[ ! -d $SESSION/tree && -t 0 && -t 1 ]]; then
	ssh_to "$IMAGE_KEY" "$PORT" root -t -- '. /run/vexfs.env; cd /root; exec bash -l' || status=$?
elif [[ ! -d $SESSION/tree ]]; then
	ssh_to "$IMAGE_KEY" "$PORT" root -- '. /run/vexfs.env; cd /root; exec bash' || status=$?
fi
if [[ -n $IMAGE_SAVE ]]; then snapshot_save "$VEX_RUNDIR" "$IMAGE_SAVE"; fi
# Disks may be looked at from outside next.
guest 'sync' || warn "the guest no longer answers: unless it was shut down from inside, its disks may lack what was written last"
exit "$status"
