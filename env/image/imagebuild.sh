# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153,SC2154	# IMG_* come from env/image/settings.sh, IB_* go to imagecheck.sh
#
# From nothing to an image: what goes in, the disk to start from, Packer, compression, validation, manifest.
# IB_* are the state of one build; everything it makes lies in IB_WORK and goes with it.

# shellcheck source=env/image/settings.sh
. "$VEX_ROOT/env/image/settings.sh"

IMAGE_STALL_S=150		# this long without a sign of life, times the host's scale, is a stall

# image_build_need: all that this build needs.
image_build_need() {
	WANTS=()
	if [[ $IB_SOURCE == installer ]]; then WANTS+=(--installer); fi
	if [[ -n $IB_ISO ]]; then WANTS+=(--iso); fi
	if [[ -n $IB_KERNEL ]]; then kernel_wants "$IB_KERNEL"; fi
	need image/build "${WANTS[@]}"
}

# The accelerator the launcher trusts here, and by how much slower than usual this host is now.
image_accel() {
	local dir out
	vm_need 6.1
	dir=$(run_dir probe)
	out=$("$VEX_BUILD/env/vexvm" --probe --kernel "$(kernel_dir 6.1)/vmlinuz" --initrd "$(initramfs_path 6.1)" \
		--payload /dev/null --rundir "$dir" --cache "$VEX_CACHE") || die "$EX_ENV" "the accelerator probe failed; see ./vex doctor"
	rm -rf "$dir"
	IB_SCALE=$(grep -oE 'scale=[0-9]+' <<<"$out" | cut -d= -f2)
	[[ $IB_SCALE =~ ^[0-9]+$ ]] || IB_SCALE=100
	((IB_SCALE >= 100)) || IB_SCALE=100
	IB_ACCEL=tcg,thread=multi,tb-size=512 VM_TSC_KHZ=$(grep -oE 'tsc_khz=[0-9]+' <<<"$out" | cut -d= -f2)
	if [[ $out == *accel=kvm* ]]; then IB_ACCEL=kvm VM_TSC_KHZ=''; fi
	IB_STALL=$((IMAGE_STALL_S * IB_SCALE / 100))
}

# ---- the archive --------------------------------------------------------------------------------

# What this host's apt uses for the suite: lines of "URI CODENAME"; else Debian's own address.
image_archives() {
	local found='' uri codename
	if [[ -n ${VEX_MIRROR:-} ]]; then
		found="${VEX_MIRROR%/} $IMG_SUITE"
	else
		# shellcheck disable=SC2016	# apt fills these in
		found=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
			while read -r uri codename component; do
				[[ $component == main ]] || continue
				case $codename in
				"$IMG_SUITE" | "$IMG_SUITE-updates" | "$IMG_SUITE-security") printf '%s %s\n' "${uri%/}" "$codename" ;;
				esac
			done | sort -u)
	fi
	grep -q " $IMG_SUITE\$" <<<"$found" || found="http://deb.debian.org/debian $IMG_SUITE"$'\n'"http://deb.debian.org/debian $IMG_SUITE-updates"$'\n'"http://deb.debian.org/debian-security $IMG_SUITE-security"
	printf '%s\n' "$found"
}

image_archive() { image_archives | awk -v s="$1" '$2 == s { print $1; exit }'; }

# apt_fetch URI FILE: through apt, so that its proxies and certificates count.
apt_fetch() { /usr/lib/apt/apt-helper "${APT_OPTS[@]}" -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null 2>&1; }

image_archive_answers() {
	local uri=$1
	apt_fetch "$uri/dists/$IMG_SUITE/InRelease" "$IB_WORK/InRelease" || die "$EX_ENV" \
		"package archive unreachable: $uri/dists/$IMG_SUITE/InRelease; check the network and /etc/apt/sources.list*," \
		"or name another archive with VEX_MIRROR=URI"
}

# image_archive_has_installer URI DIR: 0 when it serves the installer's components; else 1 and the reason on stdout.
image_archive_has_installer() {
	local uri=$1 dir=$2 list=main/debian-installer/binary-amd64/Packages.gz file
	apt_fetch "$uri/dists/$IMG_SUITE/$list" "$dir/udebs.gz" || {
		printf '%s serves no %s' "$uri" "$list"
		return 1
	}
	file=$(zcat "$dir/udebs.gz" | awk '/^Filename: / && !f { f = $2 } END { print f }')
	apt_fetch "$uri/$file" "$dir/udeb" && return 0
	printf '%s lists the installer components but does not serve them (%s)' "$uri" "${file##*/}"
	return 1
}

# ---- what goes in --------------------------------------------------------------------------------

image_revision() {
	local rev
	rev=$(git -C "$VEX_ROOT" rev-parse HEAD 2>/dev/null) || { echo unknown; return; }
	# What nobody has added yet is packed and compiled all the same.
	[[ -z $(git -C "$VEX_ROOT" status --porcelain --untracked-files=no 2>/dev/null) &&
		-z $(git -C "$VEX_ROOT" ls-files --others --exclude-standard -- kmod core include lib tools packaging env/image 2>/dev/null) ]] ||
		rev+=-dirty
	printf '%s\n' "$rev"
}

# A kernel that Debian 12's compiler did not make cannot have its module made by DKMS there: it comes with one.
image_kernel_deb() {
	local module=()
	kernel_need "$IB_KERNEL"
	if [[ $(kernel_toolchain "$IB_KERNEL") != host ]]; then
		build_module "$IB_KERNEL"
		module=("$(module_path "$IB_KERNEL")")
	fi
	quietly "packing kernel $IB_KERNEL" "$IB_LOG/kernel-deb.log" "$VEX_ROOT/packaging/deb/kernel.sh" \
		"$(kernel_dir "$IB_KERNEL")" "$IB_KERNEL" "$1" "${module[@]}" || die "$EX_ENV" "kernel $IB_KERNEL could not be packed; see $IB_LOG/kernel-deb.log"
}

# The kernel of variant debug is ours, where it has been built; building it is a quarter of an hour's work that
# nobody asked for here.
image_default_kernel() {
	[[ $IB_VARIANT == debug && -z $IB_KERNEL ]] || return 0
	if kernel_cached debug-6.1; then
		IB_KERNEL=debug-6.1
	else
		warn "kernel debug-6.1 is not built (./vex kernel build debug-6.1): this image gets Debian's own, with memory reserved for the crash kernel"
	fi
}

# The release the image must boot: ours, or what the archive's kernel package depends on today.
image_want_kernel() {
	local packages
	if [[ -n $IB_KERNEL ]]; then
		kernel_release "$IB_KERNEL"
		return
	fi
	packages=$(img_kernel_packages "$IB_VARIANT")
	image_archive_kernel "${packages%% *}"
}

# Out of the archive's own index: the host may be another release, or another mirror.
image_archive_kernel() {
	local uri codename release='' newest=''
	while read -r uri codename; do
		release=$(apt_fetch "$uri/dists/$codename/main/binary-amd64/Packages.xz" "$IB_WORK/Packages.xz" &&
			xzcat "$IB_WORK/Packages.xz" | awk -v p="$1" '/^Package: / { on = $2 == p }
				on && /^Depends: / && match($0, /linux-image-[0-9][^ ,(]*/) { print substr($0, RSTART + 12, RLENGTH - 12) }') || continue
		newest=$(printf '%s\n' "$newest" "$release" | sort -V | tail -n1)
	done < <(image_archives)
	printf '%s\n' "${newest:--}"
}

# The directory that becomes /tmp/vexfs-payload: settings, lists, stages, the two packages, the key.
image_payload() {
	local pay=$IB_WORK/payload f
	mkdir -p "$pay/debs" "$pay/kernel-debs"
	for f in settings.sh packages debconf dpkg-test.cfg provision; do cp -r "$VEX_ROOT/env/image/$f" "$pay/"; done
	VEX_TAIL=5 quietly "packing vexfs-dkms and vexfs-tools" "$IB_LOG/debs.log" \
		"$VEX_ROOT/packaging/deb/build.sh" "$pay/debs" || die "$EX_ENV" "the Debian packages could not be made"
	ssh-keygen -q -t ed25519 -N '' -C "vexfs image $IB_NAME" -f "$IB_WORK/id_ed25519"
	cp "$IB_WORK/id_ed25519.pub" "$pay/authorized_keys"
	if [[ -n $IB_KERNEL ]]; then
		image_kernel_deb "$pay/kernel-debs"
	fi
}

image_sources_list() {
	local check=''
	[[ $(apt-config dump --format '%v%n' Acquire::Check-Valid-Until) != false ]] || check='[check-valid-until=no] '
	image_archives | while read -r uri codename; do printf 'deb %s%s %s main\n' "$check" "$uri" "$codename"; done
}

# ---- waiting, with progress and an eye on stalls ----------------------------------------------------------

# What the guest says on its serial line, as one short line without escape sequences.
last_words() {
	tail -c 2000 "$1" 2>/dev/null | tr '\r' '\n' | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tr -cd '\n -~' |
		grep -v '^ *$' | tail -n "${2:-1}" | cut -c1-150
}

# image_stop PID: a child and its group, which has 15 s to end in order. Packer 1.6 hears no signal while it waits for
# a guest without a communicator to switch itself off.
image_stop() {
	local pid=$1 i
	kill -TERM "$pid" 2>/dev/null
	for ((i = 0; i < 150; i++)); do
		kill -0 -- "-$pid" 2>/dev/null || kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# How much FILE... say, without the clock in the installer's status bar, which would hide that it waits for an answer.
signs_of_life() {
	cat "$@" 2>/dev/null | LC_ALL=C sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\[ *([0-9]\*installer)[^]]*\]\[[^]]*\]//g' | tr -d ' \r\n' | wc -c
}

# image_watch PID STAGE-REGEX STALL-SECONDS FILE...: a line for each new stage in FILEs, and one now and then.
# 4 when no FILE has grown for so long: PID has been told to stop.
image_watch() {
	local pid=$1 re=$2 stall=$3 start=$SECONDS alive=$SECONDS said=$SECONDS seen=0 size last='' line n
	shift 3
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		size=$(signs_of_life "$@")
		if ((size != seen)); then seen=$size alive=$SECONDS; fi
		# 1: no stage yet, or a log that is not there yet.
		n=$(cat "$@" 2>/dev/null | grep -caE "$re") || (($? == 1)) || die "$EX_ENV" "cannot look for the stages in $*"
		if ((n)) && [[ $n != "$last" ]]; then
			while IFS= read -r line; do
				note "[$((SECONDS - start)) s] $(sed -E 's/^.*(vexfs-[a-z]*: |==> |I: )//' <<<"$line" | tr -cd ' -~' | cut -c1-100)"
			done < <(cat "$@" | grep -aE "$re" | tail -n "+$((${last:-0} + 1))")
			last=$n said=$SECONDS
		elif ((SECONDS - said >= 20)); then
			note "[$((SECONDS - start)) s] $(last_words "$1")"
			said=$SECONDS
		fi
		if ((SECONDS - alive > stall)); then
			image_stop "$pid"
			return "$EX_HANG"
		fi
	done
}

# ---- the disk to start from ------------------------------------------------------------------------------

image_bootstrap() {
	local rc=0 start=$SECONDS log=$IB_LOG/bootstrap.log
	say "Bootstrapping Debian $IMG_SUITE with mmdebstrap from $(image_archive "$IMG_SUITE")"
	image_sources_list >"$IB_WORK/sources.list"
	# mmdebstrap's workers outlive it; in a group of its own image_stop finds them.
	setpriv --pdeathsig TERM setsid bash "$VEX_ROOT/env/image/bootstrap.sh" "$IB_WORK" "$IB_VARIANT" \
		"$IB_WORK/sources.list" >"$log" 2>&1 &
	IB_CHILD=$!
	image_watch "$IB_CHILD" '^(==> |I: (running apt-get|installing|downloading|extracting|cleaning|removing) )' "$((IB_STALL * 2))" "$log" || rc=$?
	((rc == 0)) || die "$EX_HANG" "the bootstrap said nothing for $((IB_STALL * 2)) s; see $log"
	wait "$IB_CHILD" || rc=$?
	IB_CHILD=
	if ((rc)); then
		tail -n 12 "$log" >&2
		if grep -qE 'No space left on device' "$log"; then die "$EX_ENV" "no space left for the bootstrap in ${TMPDIR:-/tmp} or $IB_WORK: make room and try again"; fi
		if grep -qE '^(Err:|E: (Unable to locate|Failed to fetch|The repository))' "$log"; then
			die "$EX_ENV" "the archive does not have every package: $(grep -m1 -oE 'E: (Unable to locate package [^ ]+|Failed to fetch [^ ]+|The repository .*)' "$log"); all of it: $log"
		fi
		grep -q '^==> ' "$log" && die "$EX_FAILED" "provisioner failed in the bootstrap, in stage '$(grep '^==> ' "$log" | tail -n1 | cut -c5-)'; see $log"
		die "$EX_ENV" "mmdebstrap failed; see $log"
	fi
	IB_BOOTSTRAP_S=$((SECONDS - start))
	note "bootstrapped in $IB_BOOTSTRAP_S s"
	# What the chroot installed need not cross the emulated network once more.
	rm -f "$IB_WORK"/payload/kernel-debs/*.deb
}

# ---- Packer --------------------------------------------------------------------------------------------

# Current Packers need their one plugin fetched; 1.6 has it inside and no init command.
packer_plugin() {
	local version
	version=$(packer version 2>/dev/null | sed -n 's/^Packer v//p' | head -n1)
	[[ -n $version ]] || die "$EX_ENV" "packer does not run; install Debian's package packer"
	[[ $(printf '%s\n1.7.0\n' "$version" | sort -V | head -n1) == 1.7.0 ]] || return 0
	quietly "packer init" "$IB_LOG/packer-init.log" packer init "$VEX_ROOT/env/image/plugins.pkr.hcl" ||
		die "$EX_ENV" "packer $version could not install its qemu plugin; see $IB_LOG/packer-init.log"
}

packer_cmdline() {
	printf 'root=LABEL=%s ro %s' "$IMG_ROOT_LABEL" "$IMG_CMDLINE"
	[[ -z ${VM_TSC_KHZ:-} ]] || printf ' tsc_early_khz=%s' "$VM_TSC_KHZ"
}

# Packer keeps its files in the build's own directory and asks nobody about updates.
packer_env() { export CHECKPOINT_DISABLE=1 PACKER_CACHE_DIR="$IB_WORK/packer" PACKER_LOG=0 TMPDIR="$IB_WORK"; }

# packer_build ONLY DISK OUTPUT [-var NAME=VALUE]...
packer_build() {
	local only=$1 disk=$2 out=$3 rc=0 log serial env='' v smp=$IB_CPUS
	shift 3
	log=$IB_LOG/packer-${only##*.}.log
	serial=$IB_LOG/serial-${only##*.}.log
	: >"$serial"
	# Without KVM a lone processor needs room for another: cpu_args() in env/launcher/qemu.c says why.
	if [[ $IB_ACCEL == tcg* && $IB_CPUS == 1 ]]; then smp=1,maxcpus=2; fi
	for v in http_proxy https_proxy no_proxy; do [[ -z ${!v:-} ]] || env+="${env:+,}\"$v=${!v}\""; done
	local cmd=(packer build -color=false -timestamp-ui "-only=$only"
		-var "variant=$IB_VARIANT" -var "disk=$disk" -var "output=$out" -var "serial=$serial"
		-var "payload=$IB_WORK/payload" -var "key=$IB_WORK/id_ed25519" -var "accel=$IB_ACCEL"
		-var "size={ cpus = \"$smp\", memory = \"$IB_MEMORY\" }" -var "environment=[$env]"
		-var "timeout=$((30 * IB_SCALE / 100))m" "$@" "$VEX_ROOT/env/image/vexfs.pkr.hcl")
	trace "${cmd[@]}"
	# A Packer whose parent is gone stops its guest and takes its files with it. In a group of its own, for image_stop.
	(
		packer_env
		exec setpriv --pdeathsig TERM setsid "${cmd[@]}"
	) >"$log" 2>&1 &
	IB_CHILD=$!
	image_watch "$IB_CHILD" 'vexfs-(provision|install): ' "$IB_STALL" "$serial" "$log" || rc=$?
	if ((rc)); then
		last_words "$serial" 8 >&2
		die "$rc" "stalled: neither the guest's console nor Packer said anything for $IB_STALL s; see $serial and $log"
	fi
	wait "$IB_CHILD" || rc=$?
	IB_CHILD=
	((rc)) || return 0
	packer_explain "$log" "$serial"
}

# packer_explain LOG SERIAL: one line and a code for what went wrong.
packer_explain() {
	local log=$1 serial=$2 stage
	grep -vE 'checksum|^ *$|source code not available|^  on ' "$log" | tail -n 12 | cut -c1-200 >&2
	if grep -q 'Kernel panic' "$serial"; then die "$EX_PANIC" "the guest's kernel panicked; see $serial"; fi
	if grep -qiE 'No space left on device' "$log" "$serial"; then
		die "$EX_ENV" "no space left on the host's or the image's disk; make room (./vex clean) and try again; see $log"
	fi
	stage=$(grep -a 'vexfs-provision: ' "$serial" | tail -n1 | sed 's/.*vexfs-provision: //' | tr -d '\r')
	if grep -q 'Script exited with non-zero exit status' "$log"; then
		if grep -qE '(Failed to fetch|Unable to locate package|Temporary failure resolving)' "$log"; then
			die "$EX_ENV" "the guest cannot get packages from the archive, in stage '$stage'; see $log"
		fi
		die "$EX_FAILED" "provisioner failed in stage '$stage'; see $log"
	fi
	if grep -qE 'Qemu (failed|exited|stderr)|qemu-system-x86_64:' "$log"; then die "$EX_LOST" "QEMU did not start or died; see $log"; fi
	if grep -qE 'Timeout waiting for SSH' "$log"; then die "$EX_HANG" "the guest never answered on SSH; see $serial"; fi
	die "$EX_FAILED" "packer failed; see $log"
}

image_provision_bootstrapped() {
	say "Packer: the bootstrapped disk boots, and is provisioned over SSH"
	packer_build image.qemu.bootstrap "$IB_WORK/disk.raw" "$IB_WORK/out" -var "kernel=$IB_WORK/vmlinuz" \
		-var "initrd=$IB_WORK/initrd.img" -var "cmdline=$(packer_cmdline)"
	rm -f "$IB_WORK/disk.raw"
}

# ---- the finished image ------------------------------------------------------------------------------------

# Compressed: a third of the size, and read faster than it is emulated.
image_compress() {
	local rc=0
	say "Compressing"
	quietly "compressing" "$IB_LOG/compress.log" qemu-img convert -m "$JOBS" -W -c -O qcow2 -o compression_type=zstd \
		"$IB_WORK/out/disk.qcow2" "$IB_IMAGE/disk.qcow2" || rc=$?
	((rc == 0)) || die "$EX_ENV" "qemu-img could not write $IB_IMAGE/disk.qcow2: make room there and try again"
	rm -rf "$IB_WORK/out"
}

image_build_cleanup() {
	local rc=$?
	set +e		# whatever is gone already, the rest must go, too
	trap - EXIT
	trap '' INT TERM
	[[ -z ${IB_CHILD:-} ]] || image_stop "$IB_CHILD"
	[[ -z ${IB_WORK:-} ]] || rm -rf "$IB_WORK"
	[[ -z ${IB_IMAGE:-} || -f $IB_IMAGE/manifest.json ]] || rm -rf "$IB_IMAGE"
	exit "$rc"
}

image_build_interrupted() {
	warn "interrupted: the guest is stopped and what was made so far is removed"
	exit "$EX_INT"
}

# image_build VARIANT SOURCE KERNEL ISO
image_build() {
	IB_VARIANT=$1 IB_SOURCE=$2 IB_KERNEL=$3 IB_ISO=$4
	IB_DATE=$(date -u +%Y%m%d-%H%M%S) IB_START=$SECONDS IB_CHILD='' IB_BOOTSTRAP_S=0
	IB_NAME=$IB_VARIANT-$IB_SOURCE-$IB_DATE
	umask 022	# what goes into an image is for all its users
	image_build_need
	image_default_kernel
	need_space "$VEX_CACHE" 2500 "an image"
	need_space "$VEX_BUILD" 4500 "building an image"
	need_space "${TMPDIR:-/tmp}" 3000 "bootstrapping an image"
	image_accel
	IB_LOG=$(run_dir image) IB_WORK=$VEX_BUILD/image/$IB_NAME IB_IMAGE=$(image_root)/$IB_NAME
	trap image_build_cleanup EXIT
	trap image_build_interrupted INT TERM
	half_made_remove "$(image_root)"
	half_made_remove "$VEX_BUILD/image"
	half_made_hold "$IB_WORK"
	half_made_hold "$IB_IMAGE"
	image_archive_answers "$(image_archive "$IMG_SUITE")"
	IB_REVISION=$(image_revision)	# of what goes in: the tree may change meanwhile
	say "Image $IB_NAME: $IB_CPUS CPUs, $IB_MEMORY MB, ${IB_ACCEL%%,*}; logs in ${IB_LOG#"$VEX_ROOT"/}"
	build_tools
	image_payload
	packer_plugin
	IB_PREPARE_S=$((SECONDS - IB_START))
	if [[ $IB_SOURCE == bootstrap ]]; then
		image_bootstrap
		image_provision_bootstrapped
	else
		image_install
		image_provision_installed
	fi
	IB_PROVISION_S=$((SECONDS - IB_START - IB_PREPARE_S - IB_BOOTSTRAP_S))
	image_compress
	install -m 600 "$IB_WORK/id_ed25519" "$IB_IMAGE/id_ed25519"
	image_finish
}

# Validated, described, named; without "valid" when a check failed.
image_finish() {
	local rc=0 start=$SECONDS
	image_check "$IB_IMAGE/disk.qcow2" "$IB_IMAGE/id_ed25519" "$IB_LOG" "$(image_want_kernel)" "$IB_VARIANT" || rc=$?
	# None: the guest never started, which rc says.
	if [[ -f $IB_LOG/console.log ]]; then cp "$IB_LOG/console.log" "$IB_IMAGE/console.log"; fi
	IB_VALIDATE_S=$((SECONDS - start)) IB_TOTAL_S=$((SECONDS - IB_START))
	image_manifest "$rc" >"$IB_IMAGE/manifest.json.new"
	mv "$IB_IMAGE/manifest.json.new" "$IB_IMAGE/manifest.json"
	half_made_done "$IB_IMAGE"
	((rc == 0)) || die "$rc" "the image does not pass its validation and is not marked valid: $IB_IMAGE; see $IB_LOG/validate.log"
	date -u +%FT%TZ >"$IB_IMAGE/valid"
	say "Image $IB_NAME is valid: $(($(stat -c %s "$IB_IMAGE/disk.qcow2") / 1000000)) MB, $IB_TOTAL_S s" \
		"(bootstrap $IB_BOOTSTRAP_S s, validation $IB_VALIDATE_S s)"
	printf '%s\n' "$IB_IMAGE"
}
