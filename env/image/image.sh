# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where images are and which one is meant. An image is a directory $VEX_CACHE/images/VARIANT-SOURCE-DATE:
#   disk.qcow2     the disk; nobody writes to it any more
#   manifest.json  what is in it (see docs/images.md)
#   id_ed25519     the key of this build: logs in as user vex (sudo) and as root
#   console.log    the console of its validation
#   valid          written last, after validation has passed; without it the image is not used by default

# shellcheck disable=SC2034	# read by the commands
IMAGE_VARIANTS=(dev test debug) IMAGE_SOURCES=(bootstrap installer)
IMAGE_NAME_RE='^(dev|test|debug)-(bootstrap|installer)-[0-9]{8}-[0-9]{6}$'

image_root() { printf '%s/images' "$VEX_CACHE"; }

# Directories of complete images, newest first; with VARIANT only those. Valid or not.
image_dirs() {
	local d name
	for d in "$(image_root)"/*/; do
		d=${d%/} name=${d##*/}
		[[ $name =~ $IMAGE_NAME_RE && -f $d/disk.qcow2 && -f $d/manifest.json ]] || continue
		[[ -z ${1:-} || $name == "$1"-* ]] || continue
		printf '%s %s\n' "${name#*-*-}" "$d"
	done | sort -r | cut -d' ' -f2-
}

# image_newest [VARIANT]: the directory of the newest valid image; 1 and no output when there is none.
image_newest() {
	local d
	while read -r d; do
		[[ -f $d/valid ]] || continue
		printf '%s\n' "$d"
		return 0
	done < <(image_dirs "${1:-}")
	return 1
}

# image_path [WORD]: the disk meant by WORD (nothing, a variant, an image's name as "image list" prints it, a
# directory, a disk file). Ends the command with one clear line when there is no such image.
image_path() {
	local word=${1:-} dir
	case $word in
	'' | dev | test | debug)
		dir=$(image_newest "$word") || die "$EX_ENV" \
			"there is no valid ${word:+$word }image yet: ./vex image build${word:+ --variant $word}"
		printf '%s/disk.qcow2\n' "$dir"
		;;
	*)
		if [[ $word =~ $IMAGE_NAME_RE ]]; then dir=$(image_root)/$word; else dir=$word; fi
		if [[ -f $dir ]]; then
			readlink -f "$dir"
		elif [[ -f $dir/disk.qcow2 ]]; then
			readlink -f "$dir/disk.qcow2"
		else
			die "$EX_USAGE" "no image '$word': give a variant (${IMAGE_VARIANTS[*]}), a name out of" \
				"'./vex image list', or a disk file"
		fi
		;;
	esac
}

# image_is_ours DISK: whether it lies in the directory of images, by whatever path either is called.
image_is_ours() { [[ $(readlink -m "$1") == "$(readlink -m "$(image_root)")"/* ]]; }

# image_field DIR NAME: a top-level string or number of its manifest (one "name": value per line); nothing without one.
image_field() {
	[[ -f $1/manifest.json ]] || return 0
	sed -n "s/^  \"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$1/manifest.json" | head -n1
}

# ---- images and snapshots in the making ----------------------------------------------------------------------

# half_made_hold DIR: from now on DIR is half made, by whoever holds the lock of its file "half-made": this shell.
half_made_hold() {
	local lock
	mkdir -p "$1"
	# Locked before it has its name, so that nobody finds it unlocked.
	exec {lock}>"$1/half-made.new" || die "$EX_ENV" "cannot write in $1: is there room, and is it yours?"
	{ flock "$lock" && mv "$1/half-made.new" "$1/half-made"; } || die "$EX_ENV" "cannot lock $1/half-made"
}

# half_made_done DIR: it is whole.
half_made_done() { rm "$1/half-made" || die "$EX_ENV" "cannot write in $1 any more"; }

# half_made_remove ROOT: what nobody makes any more, because its maker was killed. The name is looked at again behind the
# lock: what has just been finished has lost it.
half_made_remove() {
	local f lock
	for f in "$1"/*/half-made; do
		{ exec {lock}<"$f"; } 2>/dev/null || continue
		if flock -n "$lock" && [[ $f -ef /dev/fd/$lock ]]; then
			note "removing ${f%/*}, left half made"
			rm -rf "${f%/*}"
		fi
		exec {lock}<&-
	done
}
