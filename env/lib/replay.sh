# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Recordings: one directory with everything a run is made of, so that it can be had again when the tree has changed.
# The launcher's part is env/launcher/replay.c.

# replay_field DIR NAME: lines of DIR/recording; of disk, one for each.
replay_field() { sed -n "s/^$2=//p" "$1/recording"; }

# replay_record DIR SERIES IO [OPTION...]: DIR has job and payload. Copies kernel, initramfs, module and the disks that
# are files; VM_DISKS are the copies then, VM_RECORDING is DIR. OPTIONs are the launcher's, a replay gets them too.
replay_record() {
	local dir=$1 series=$2 io=$3 i
	shift 3
	cp "$(kernel_dir "$series")/vmlinuz" "$dir/vmlinuz"
	cp "$(initramfs_path "$series")" "$dir/initramfs.cpio"
	cp "$(module_path "$series")" "$dir/$(module_get name).ko" 2>/dev/null || :	# --module none
	for i in "${!VM_DISKS[@]}"; do VM_DISKS[i]=$(replay_disk "$dir" "${VM_DISKS[i]}"); done
	{
		printf 'series=%s\nmemory=%s\nio=%s\n' "$series" "$VM_MEMORY" "$io"
		if ((${#VM_DISKS[@]})); then printf 'disk=%s\n' "${VM_DISKS[@]//"$dir"\//@/}"; fi
		if (($#)); then printf 'option=%s\n' "$@"; fi
	} >"$dir/recording"
	VM_RECORDING=$dir
}

# replay_recorded DIR NAME CODE: what is said of it, by the name the user gave it. Only a run that came to its end stays.
replay_recorded() {
	case $3 in
	"$EX_USAGE" | "$EX_ENV" | 130)
		rm -rf "$1"
		note "nothing is recorded: the run did not come to an end of its own"
		;;
	*) note "recorded; once more: ./vex vm --replay $2; under gdb: ./vex debug --replay $2" ;;
	esac
}

# replay_disk DIR NAME=WHAT: the same --disk with a copy in DIR, sparse; as it is if WHAT is a size.
replay_disk() {
	local name=${2%%=*} what=${2#*=} format='' ro=''
	if [[ $what == *,format=* ]]; then format=,${what##*,} what=${what%,*}; fi
	if [[ $what == *:ro ]]; then ro=:ro what=${what%:ro}; fi
	if [[ ! -f $what ]]; then
		printf '%s' "$2"
		return
	fi
	cp --sparse=always --reflink=auto "$what" "$1/disk-$name.img" || die "$EX_ENV" "cannot copy $what into $1; make room"
	printf '%s=%s%s%s' "$name" "$1/disk-$name.img" "$ro" "$format"
}

# replay_load DIR: VM_KERNEL, VM_DISKS, VM_MEMORY, VM_RECORDING of a recording that has ended.
# shellcheck disable=SC2034	# the command and vm_start read them
replay_load() {
	local dir=$1 f disks=()
	for f in recording result vmlinuz initramfs.cpio payload.img events.rr append qemu; do
		[[ -s $dir/$f ]] || die "$EX_USAGE" "$dir is not a whole recording ($f is missing): record one with ./vex vm --record DIR SCRIPT"
	done
	mapfile -t disks < <(replay_field "$dir" disk)
	VM_DISKS=("${disks[@]/=@\//=$dir/}")
	VM_KERNEL=$(replay_field "$dir" series) VM_MEMORY=$(replay_field "$dir" memory) VM_RECORDING=$dir
}

# replay_same DIR RUNDIR: whether the replay came to the end that was recorded, by the same words. Prints what differs.
replay_same() {
	local was now f
	was=$(result_field "$1" exit) now=$(result_field "$2" exit)
	if [[ $was != "$now" ]]; then
		note "recorded: $(cause_of "$was"); now: $(cause_of "$now")"
		return 1
	fi
	for f in console.log out.log tap.log; do
		# The last lines may come after the launcher has seen enough.
		if ! cmp -s -n "$(replay_common "$1/$f" "$2/$f")" "$1/$f" "$2/$f"; then
			note "they differ: cmp $1/$f $2/$f"
			return 1
		fi
	done
}

replay_common() {
	local a b
	a=$(stat -c %s "$1") b=$(stat -c %s "$2")
	printf '%d' $((a < b ? a : b))
}
