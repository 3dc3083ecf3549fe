# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# One-line purpose: bootable Debian images with VexFS: build, list, validate, boot

cmd_help() {
	cat <<'END'
usage: ./vex image build [--variant V] [--source S] [--kernel NAME] [--iso FILE] [OPTION]...
       ./vex image list
       ./vex image validate [IMAGE|FILE] [--key FILE]
       ./vex image boot [IMAGE|FILE] [OPTION]...

build     A Debian 12 with the module (by DKMS), tools, manuals and units of this tree, made by Packer, booted
          and validated. Result: a directory below ~/.cache/vex/images, see docs/images.md.
list      What has been built, newest first.
validate  Boots a throw-away copy of IMAGE (a variant, a name out of the list; default: the newest) or of any disk
          FILE and checks it. 0 valid, 1 a check failed, 2 no such image, 6 damaged; 3 to 5 if the guest
          panicked, hung or was lost.
boot      Boots it for you; its options are below.

  --variant V       dev (tools to work in it), test (small), debug (debug kernel, crash kernel) [dev]
  --source S        bootstrap (mmdebstrap on this host, minutes) or installer (Debian's own, unattended) [bootstrap]
  --kernel NAME     put this kernel of './vex kernel list' in, beside Debian's (debug-6.1 in variant debug, if built)
  --iso FILE        installer: take its components from this official ISO or netinst image
  --memory MB --cpus N   size of the guest while it is built [2048, 2]
  --key FILE        validate: private SSH key for FILE [id_ed25519 beside it]
  --no-install      never install packages; say what is missing
  --json            build, list, validate: one object on standard output (docs/json.md)
  -v                print the real command lines

VEX_MIRROR=URI replaces the package archive, which is otherwise the one this host's apt uses.

examples:
  ./vex image build --variant test
  ./vex image validate test

END
	image_boot_help
}

image_list() {
	local d name state revision dirty any=0
	while read -r d; do
		if ((!any)); then
			printf '%-36s %-8s %9s  %-26s %-5s %s\n' NAME STATE SIZE KERNEL RUST REVISION
			any=1
		fi
		name=${d##*/}
		state=valid
		[[ -f $d/valid ]] || state=invalid
		revision=$(image_field "$d" revision)
		dirty=
		[[ $revision != *-dirty ]] || dirty=-dirty
		printf '%-36s %-8s %9s  %-26s %-5s %.12s%s\n' "$name" "$state" "$(($(stat -c %s "$d/disk.qcow2") / 1000000)) MB" \
			"$(image_field "$d" kernel)" "$(image_field "$d" rust)" "$revision" "$dirty"
	done < <(image_dirs)
	((any)) || say "no image yet: ./vex image build"
}

# image_as_described DISK: an image of ours is what its manifest is about, to the bit.
image_as_described() {
	local want
	[[ ${1##*/} == disk.qcow2 ]] || return 0
	want=$(image_field "${1%/*}" sha256)
	[[ -z $want || $(sha256sum "$1" | cut -d' ' -f1) == "$want" ]] || die "$EX_FAILED" \
		"$1 has changed since it was built: its SHA-256 is not the manifest's; build it again (./vex image build)"
}

image_validate() {
	local word=$1 key=$2 disk dir kernel variant rc=0
	disk=$(image_path "$word") || exit
	[[ -n $key ]] || key=$(dirname "$disk")/id_ed25519
	[[ -r $key ]] || die "$EX_USAGE" "no SSH key for $disk: put id_ed25519 beside it or name it with --key FILE"
	need image/validate
	vm_need 6.1
	build_tools
	dir=$(run_dir validate)
	report_add directory "$dir"
	report_add tap --flat image.validate "$dir/validate.log"
	# ssh refuses a key that others can read, and an image may have been copied about.
	install -m 600 "$key" "$dir/key"
	# shellcheck disable=SC2064	# this directory
	trap "rm -f '$dir/key' '$dir/vexfs.raw'" EXIT
	# What its manifest says must still be so; a disk without one is checked for the rest.
	kernel=$(image_field "${disk%/*}" kernel) variant=$(image_field "${disk%/*}" variant)
	image_as_described "$disk"
	image_check "$disk" "$dir/key" "$dir" "${kernel:--}" "${variant:--}" || rc=$?
	note "log: ${dir#"$VEX_ROOT"/}"
	if ((rc == 0)); then say "valid: $disk"; else warn "not valid: $disk"; fi
	return "$rc"
}

# options_fit VERB OPTION...: those of another verb are refused, not passed over.
options_fit() {
	local verb=$1 fit='' o
	shift
	case $verb in
	build) fit='--variant --source --kernel --iso --memory --cpus' ;;
	validate) fit=--key ;;
	esac
	for o; do [[ " $fit " == *" $o "* ]] || usage_error "$o is not for 'image $verb'"; done
}

cmd_main() {
	local verb=${1:-} variant=dev from=bootstrap kernel='' iso='' key='' words=() given=()
	[[ -n $verb ]] || usage_error "build, list, validate or boot?"
	shift
	IB_MEMORY=2048 IB_CPUS=2
	if [[ $verb == boot ]]; then
		image_boot "$@"
		return
	fi
	while (($#)); do
		if [[ $1 == --?* && $1 != --no-install && $1 != --verbose ]]; then given+=("$1"); fi
		case $1 in
		--variant) need_value "$1" $#; variant=$2; shift ;;
		--source) need_value "$1" $#; from=$2; shift ;;
		--kernel) need_value "$1" $#; kernel=$2; shift ;;
		--iso) need_value "$1" $#; iso=$2; shift ;;
		--key) need_value "$1" $#; key=$2; shift ;;
		--memory) need_value "$1" $#; IB_MEMORY=$(parse_mb "$2"); shift ;;
		--cpus) need_value "$1" $#; IB_CPUS=$2; shift ;;
		--no-install) VEX_INSTALL=0 ;;
		-v | --verbose) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) words+=("$1") ;;
		esac
		shift
	done
	if [[ $verb =~ ^(build|list|validate)$ ]]; then options_fit "$verb" "${given[@]}"; fi
	case $verb in
	build)
		((${#words[@]} == 0)) || usage_error "unexpected argument '${words[0]}'"
		[[ " ${IMAGE_VARIANTS[*]} " == *" $variant "* ]] || usage_error "unknown variant '$variant': ${IMAGE_VARIANTS[*]}"
		[[ " ${IMAGE_SOURCES[*]} " == *" $from "* ]] || usage_error "unknown source '$from': ${IMAGE_SOURCES[*]}"
		[[ -z $iso || $from == installer ]] || usage_error "--iso is for --source installer"
		[[ -z $iso || -f $iso ]] || usage_error "--iso $iso: no such file"
		[[ $IB_CPUS =~ ^[1-9][0-9]?$ ]] || usage_error "--cpus $IB_CPUS: use a number from 1 to 64"
		if [[ -n $kernel ]]; then kernel_known "$kernel" || usage_error "unknown kernel '$kernel' (see './vex kernel list')"; fi
		image_build "$variant" "$from" "$kernel" "$iso"
		;;
	list)
		((${#words[@]} == 0)) || usage_error "unexpected argument '${words[0]}'"
		image_list
		;;
	validate)
		((${#words[@]} <= 1)) || usage_error "one image at a time"
		image_validate "${words[0]:-}" "$key"
		;;
	*) usage_error "unknown verb '$verb': build, list, validate or boot" ;;
	esac
}
