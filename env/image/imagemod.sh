# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The module for the kernel inside an image: headers by release, from whatever kernel tree has them or from
# Debian's packages, never from the guest (an emulated compiler takes minutes).

# ssh_to KEY PORT USER [SSH-OPTION...] [COMMAND]: host keys are made at each guest's first boot, and the
# connection never leaves this host: there is nothing to compare them with.
ssh_to() {
	local key=$1 port=$2 user=$3 own=()
	shift 3
	# ssh takes the first value it is given: the caller's go before ours.
	while [[ ${1:-} == -o ]]; do own+=(-o "$2"); shift 2; done
	ssh "${own[@]}" -i "$key" -p "$port" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o ConnectTimeout=60 -o ServerAliveInterval=60 -o BatchMode=yes "$user@127.0.0.1" "$@"
}

# headers_find RELEASE: KDIR of a tree that is here already.
headers_find() {
	local d
	for d in "$VEX_BUILD"/kernels/*/; do
		[[ $d != *.new/ ]] || continue
		if [[ -f $d/release && $(<"$d/release") == "$1" && -e $d/kdir/Makefile ]]; then
			printf '%skdir/' "$d"
			return
		fi
	done
	return 1
}

# headers_fetch RELEASE: Debian's header packages of that very kernel, unpacked under build/kernels/headers-RELEASE.
headers_fetch() {
	local release=$1 dir=$VEX_BUILD/kernels/headers-$1 root deps kbuild p f
	deps=$(apt_field "linux-headers-$release" Depends)
	kbuild=$(grep -oE 'linux-kbuild-[^ ,|]+' <<<"$deps" | head -n1)
	[[ -n $kbuild ]] || return 1
	rm -rf "$dir.new"
	root=$dir.new/root
	mkdir -p "$root" || return 1
	for p in "linux-headers-$release" "$(grep -oE 'linux-headers-[^ ,|]+-common' <<<"$deps" | head -n1)" "$kbuild"; do
		f=$(deb_fetch "$p") || return 1
		run dpkg-deb -x "$f" "$root" || return 1
	done
	kernel_relocate_headers "$root" "$release" "$dir/root" && ln -sfn "root/usr/src/linux-headers-$release" "$dir.new/kdir" &&
		printf '%s\n' "$release" >"$dir.new/release" && rm -rf "$dir" && mv "$dir.new" "$dir"
}

image_module() { printf '%s/kmod/image-%s/vexfs.ko' "$VEX_BUILD" "$1"; }

# image_build_for RELEASE: the module and the (static) tools of this checkout.
image_build_for() {
	local release=$1 kdir
	if ! kdir=$(headers_find "$release"); then
		note "headers of the guest's kernel, $release"
		headers_fetch "$release" || die "$EX_ENV" "no headers of the guest's kernel $release: the archive has moved on." \
			"Build the image again (./vex image build), or use the module in it: --installed"
		kdir=$(headers_find "$release")
	fi
	build_step "building the guest's tools" guest guest
	build_step "building vexfs.ko for $release" "module-image" modules KDIR="$kdir" \
		MODOUT="$VEX_BUILD/kmod/image-$release"
}
