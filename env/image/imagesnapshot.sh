# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# variables are shared with imagevm.sh
#
# Snapshots of image guests: memory, processors, devices and disks of a running guest at one moment, in
# $VEX_CACHE/snapshots/NAME:
#   state         what QEMU migrates to a file
#   overlay.qcow2 the guest's writes to its image so far; DISK.img its test disks
#   options       image and hardware: a state resumes only on the same machine
# Loading puts new overlays on these files, so that one snapshot can be loaded again and again.
#
# Files and not qcow2's internal snapshots: those cannot hold a raw disk, and would vanish with the throw-away
# overlay they are in.

# shellcheck disable=SC2034	# read by imagevm.sh and the session
IMAGE_SAVE=${IMAGE_SAVE:-} IMAGE_RESUME=${IMAGE_RESUME:-}

snapshot_root() { printf '%s/snapshots' "$VEX_CACHE"; }
snapshot_dir() { printf '%s/%s' "$(snapshot_root)" "$1"; }
snapshot_field() { sed -n "s/^$2=//p" "$(snapshot_dir "$1")/options" 2>/dev/null | head -n1; }

snapshot_list() {
	local d n=0
	for d in "$(snapshot_root)"/*/; do
		[[ -f $d/options ]] || continue
		d=$(basename "$d")
		printf '%-20s %-34s %6s  %s\n' "$d" "$(snapshot_field "$d" label)" \
			"$(du -sh "$(snapshot_dir "$d")" | cut -f1)" "$(snapshot_field "$d" date)"
		n=$((n + 1))
	done
	((n)) || note "no snapshots; --snapshot save NAME makes one"
}

# A snapshot that was loaded and saved again under another name needs the first one's disks.
snapshot_delete() {
	local name=$1 d
	[[ -f $(snapshot_dir "$name")/options ]] || snapshot_unknown "$name"
	for d in "$(snapshot_root)"/*/; do
		d=$(basename "$d")
		[[ $(snapshot_field "$d" parent) != "$name" ]] || die "$EX_USAGE" "snapshot $d is built on $name: delete $d first"
	done
	rm -rf "$(snapshot_dir "$name")"
	say "deleted snapshot $name"
}

snapshot_unknown() {
	local all
	all=$(for d in "$(snapshot_root)"/*/; do [[ ! -f $d/options ]] || basename "$d"; done | tr '\n' ' ')
	die "$EX_USAGE" "no snapshot '$1'; there are: ${all:-none}"
}

# snapshot_verb: does list and delete, which start no guest; fails when there is another thing to do.
snapshot_verb() {
	case $VM_SNAPSHOT in
	list) snapshot_list ;;
	delete) snapshot_delete "$VM_SNAPSHOT_NAME" ;;
	*) return 1 ;;
	esac
}

# What goes together with --snapshot, before anything is built.
snapshot_check() {
	[[ -n $VM_SNAPSHOT ]] || return 0
	[[ -z $VM_SHARE ]] || usage_error "--snapshot with --share: the state of a shared directory cannot be saved"
	if [[ $VM_SNAPSHOT == save ]]; then
		IMAGE_SAVE=$VM_SNAPSHOT_NAME
		[[ ! -e $(snapshot_dir "$IMAGE_SAVE") ]] || usage_error "there is a snapshot '$IMAGE_SAVE' already: delete it first" \
			"(--snapshot delete $IMAGE_SAVE), or use another name"
		((!VM_PERSISTENT)) || usage_error "--snapshot save keeps the guest's changes in the snapshot; leave out --persistent"
		return
	fi
	[[ -f $(snapshot_dir "$VM_SNAPSHOT_NAME")/options ]] || snapshot_unknown "$VM_SNAPSHOT_NAME"
	if [[ -n $VM_IMAGE_WORD$VM_MEMORY$VM_CPUS$VM_SCREENSHOT ]] ||
		((${#VM_DISKS[@]} + VM_PERSISTENT + VM_GRAPHICAL + VM_INSTALLED)); then
		usage_error "--snapshot load: image, module, --memory, --cpus, --disk and screen are those of the snapshot; leave them out"
	fi
}

# "load" takes image and hardware from the snapshot.
snapshot_image() {
	local name=$VM_SNAPSHOT_NAME snap
	snap=$(snapshot_dir "$name")
	IMAGE_DISK=$snap/overlay.qcow2 IMAGE_RESUME=$snap/state
	IMAGE_KEY=$(snapshot_field "$name" key) IMAGE_LABEL="snapshot $name of $(snapshot_field "$name" label)"
	[[ -f $(snapshot_field "$name" base) && -r $IMAGE_KEY ]] || die "$EX_ENV" \
		"snapshot $name needs the image it was made of, which is gone; delete it: --snapshot delete $name"
	VM_MEMORY=$(snapshot_field "$name" memory) VM_CPUS=$(snapshot_field "$name" cpus)
	VM_ACCEL=$(snapshot_field "$name" accel)
}

# snapshot_disks RUNDIR: new overlays on the snapshot's test disks.
snapshot_disks() {
	local dir=$1 snap d
	[[ $VM_SNAPSHOT == load ]] || return 0
	snap=$(snapshot_dir "$VM_SNAPSHOT_NAME")
	for d in $(snapshot_field "$VM_SNAPSHOT_NAME" disks); do
		run qemu-img create -q -f qcow2 -F "${d#*:}" -b "$snap/${d%%:*}.img" "$dir/${d%%:*}.img"
		VM_DISKS+=("${d%%:*}=$dir/${d%%:*}.img,format=qcow2")
	done
	printf '%s\n' "$VM_SNAPSHOT_NAME" >"$dir/parent"
}

# qmp RUNDIR ARGUMENT...: talk to the guest's second monitor.
qmp() { "$VEX_BUILD/env/vexqmp" "$@"; }

qmp_screenshot() {
	qmp "$1" "{\"execute\":\"screendump\",\"arguments\":{\"filename\":$(json_string "$2"),\"format\":\"png\"}}" >/dev/null ||
		die "$EX_ENV" "no picture of the guest: it has no screen (start it with --graphical or --screenshot)"
}

# The copy of a disk: its holes stay holes, and where the filesystem can share blocks, it does.
snapshot_copy() { run cp --reflink=auto --sparse=always "$1" "$2"; }

# From now on the guest stands still until snapshot_go.
snapshot_migrate() {
	local dir=$1 to=$2
	qmp "$dir" stop '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":8589934592}}' \
		"{\"execute\":\"migrate\",\"arguments\":{\"uri\":$(json_string "exec:cat >$(printf %q "$to")")}}" >/dev/null &&
		qmp "$dir" --until '"status": "completed"' query-migrate >/dev/null
}

snapshot_go() { qmp "$1" cont >/dev/null; }

snapshot_options() {
	local dir=$1 label=$2 key=$3 f disks='' base
	for f in "$dir"/*.img; do
		[[ ! -f $f ]] || disks+="$(basename "${f%.img}"):$(head -c 4 "$f" | grep -q '^QFI' && echo qcow2 || echo raw) "
	done
	base=$(sed -n "s/.*'file=\([^']*overlay.qcow2\),.*/\1/p" "$dir/qemu.cmd")
	# The text form says more behind the name, in parentheses, which a name may have too.
	base=$(qemu-img info -U --output=json "$base" | sed -n 's/^ *"full-backing-filename": "\(.*\)",*$/\1/p')
	printf 'date=%s\nlabel=%s\nkey=%s\nbase=%s\nmemory=%s\ncpus=%s\ndisks=%s\nparent=%s\naccel=%s\n' "$(date '+%F %T')" "$label" \
		"$key" "$base" "$(sed -n "s/.*'-m' '\([0-9]*\)M'.*/\1/p" "$dir/qemu.cmd")" \
		"$(sed -n "s/.*'-smp' '\([0-9]*\)[,'].*/\1/p" "$dir/qemu.cmd")" "$disks" "$(cat "$dir/parent" 2>/dev/null || true)" \
		"$(sed -n "s/.*'-accel' '\([a-z]*\).*/\1/p" "$dir/qemu.cmd")"
}

# snapshot_end RUNDIR TMP: nothing interrupts this. A state that is still being written would stop the guest once more
# when it is done, so that is given up first; QEMU refuses "cont" for the moment in which it ends a state.
snapshot_end() {
	local i rc=1
	trap '' INT TERM HUP
	# Refused when no state is being written, the usual case. Whether the guest goes on is what counts, below.
	qmp "$1" migrate_cancel >/dev/null 2>&1 || :
	for ((i = 0; i < 50 && rc == 1; i++)); do
		((i == 0)) || sleep 0.1
		rc=0
		snapshot_go "$1" 2>/dev/null || rc=$?
	done
	((rc == 0)) || warn "the guest does not go on: ./vex qmp --guest ${1##*/} cont"
	rm -rf "$2"
}

# Memory, disks and options of the guest in RUNDIR into SNAP. In a shell of its own: however that ends, the guest goes on
# and nothing half made stays.
snapshot_write() {
	local dir=$1 snap=$2 tmp=$2.$$ f lock
	# A second saver of this guest would let it go on while the first one copies its disks.
	exec {lock}>"$dir/saving.lock" || die "$EX_ENV" "cannot write in $dir: make room on the host (./vex clean)"
	flock -n "$lock" || die "$EX_USAGE" "this guest is being saved right now: wait for that to end"
	# shellcheck disable=SC2064	# the names as they are now
	trap "$(printf '%q ' snapshot_end "$dir" "$tmp")" EXIT
	trap 'exit "$EX_INT"' INT TERM HUP
	half_made_remove "${snap%/*}"
	half_made_hold "$tmp"
	snapshot_migrate "$dir" "$tmp/state" || snapshot_failed "$dir"
	snapshot_copy "$dir/overlay.qcow2" "$tmp/overlay.qcow2" || snapshot_failed "$dir"
	for f in "$dir"/*.img; do
		[[ ! -f $f ]] || snapshot_copy "$f" "$tmp/" || snapshot_failed "$dir"
	done
	snapshot_options "$dir" "$(guest_field "$dir" what)" "$(guest_field "$dir" key)" >"$tmp/options.new" || snapshot_failed "$dir"
	mv "$tmp/options.new" "$tmp/options" || snapshot_failed "$dir"
	half_made_done "$tmp"
	mv -T "$tmp" "$snap" || die "$EX_USAGE" "somebody else has just saved a snapshot ${snap##*/}: use another name"
}

snapshot_failed() {
	die "$EX_ENV" "the snapshot could not be saved (see ${1#"$VEX_ROOT"/}/qmp.log); make room on the host"
}

# snapshot_save RUNDIR NAME: of the guest that runs there; it goes on afterwards.
snapshot_save() {
	local dir=$1 name=$2 snap f start
	snap=$(snapshot_dir "$name") start=$(now_ms)
	[[ -f $dir/overlay.qcow2 ]] || die "$EX_USAGE" "only an image guest with a throw-away overlay can be saved"
	[[ ! -e $snap ]] || die "$EX_USAGE" "there is a snapshot '$name' already: --snapshot delete $name, or another name"
	[[ -s $dir/qemu.cmd ]] || die "$EX_ENV" "$dir/qemu.cmd is missing, and with it what this guest was started with"
	! grep -qE "'(virtio-9p-pci|vhost-user-fs-pci)" "$dir/qemu.cmd" ||
		die "$EX_USAGE" "a guest with --share cannot be saved: start it without"
	! grep -q "'-vga' 'std'" "$dir/qemu.cmd" || die "$EX_USAGE" "a guest with a screen cannot be saved: start it without"
	f=$(grep -oE "'file=[^,']*" "$dir/qemu.cmd" | awk -v own="'file=$dir/" 'index($0, own) != 1 && !n++ { print substr($0, 7) }')
	[[ -z $f ]] || die "$EX_USAGE" "a guest with a disk of yours ($f) cannot be saved: let it have disks of its own (--disk NAME=SIZE)"
	need_space "$VEX_CACHE" 2000 "a snapshot"
	say "Saving snapshot $name"
	(snapshot_write "$dir" "$snap") || exit
	note "$(du -sh "$snap" | cut -f1) in $(secs $(($(now_ms) - start))) s; ./vex shell --image --snapshot load $name resumes it"
}
