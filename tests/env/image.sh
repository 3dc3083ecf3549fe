#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Images without building one: the template, the preseed, what is refused. (image_build.sh builds.)
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034	# read by the libraries
VEX_ROOT=$ROOT VEX_BUILD=$ROOT/build VEX_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vex
# shellcheck source=env/load.sh
. "$ROOT/env/load.sh"
# The libraries are strict; a test wants to go on.
set +e
# ui.sh has a run of its own.
# shellcheck source=tests/env/lib.sh
run() {
	STATUS=0
	"$@" >"$WORK/out" 2>&1 </dev/null || STATUS=$?
}
HCL=$ROOT/env/image/vexfs.pkr.hcl

# ---- usage -------------------------------------------------------------------------------------
run "$VEX" image
expect 2 "image without a verb"
run "$VEX" image frobnicate
expect 2 "unknown verb"
run "$VEX" image build --variant tiny
expect 2 "unknown variant"
says 'dev test debug' "lists the known ones"
for line in 'list --variant dev' 'validate --memory 512' 'build --key /dev/null'; do
	# shellcheck disable=SC2086	# words
	run "$VEX" image $line
	expect 2 "image $line"
	says "is not for 'image ${line%% *}'" "an option of another verb is refused"
done
run "$VEX" image build --source cdrom
expect 2 "unknown source"
run "$VEX" image build --iso /nonexistent --source installer
expect 2 "an ISO that is not there"
run "$VEX" image build --kernel 9.9
expect 2 "unknown kernel"
run "$VEX" image validate no-such-image
expect 2 "validate: no such image"
says 'image list' "says how to see what there is"
mkdir "$WORK/foreign"
head -c 100000 /dev/zero >"$WORK/foreign/disk"
: >"$WORK/foreign/id_ed25519"
run "$VEX" image validate "$WORK/foreign/disk"
expect 6 "validate: a file that is no disk, with no manifest beside it"
says 'neither qcow2 nor a disk with a boot sector' "says what it is not"
mkdir "$WORK/changed"
head -c 100000 /dev/zero >"$WORK/changed/disk.qcow2"
: >"$WORK/changed/id_ed25519"
printf '{\n  "sha256": "%064d",\n}\n' 0 >"$WORK/changed/manifest.json"
run "$VEX" image validate "$WORK/changed/disk.qcow2"
expect 1 "validate: an image that has changed since it was built"
says "SHA-256 is not the manifest's" "says so"
run "$VEX" image boot --kernel debug-6.1
expect 2 "image boot --kernel: an image boots its own"
run "$VEX" shell --image --lane warm
expect 2 "shell --image --lane"
for size in 1G2 1MG 08G 01024 G 0; do
	run "$VEX" shell --memory "$size" -- true
	expect 2 "--memory $size"
done
run env XDG_CACHE_HOME="$WORK/empty" "$VEX" image list
expect 0 "list without any image"
says 'image build' "says how to make one"
run env XDG_CACHE_HOME="$WORK/empty" "$VEX" image validate
expect 6 "validate without any image"
says 'image build' "says how to make one"

# ---- the template ----------------------------------------------------------------------------------
lines=$(wc -l <"$HCL") vars=$(grep -c '^variable' "$HCL")
report $((lines > 250 || vars > 15)) "the template has at most 250 lines and 15 variables ($lines, $vars)"
report "$(awk '/^source / { n++ } /^ *skip_resize_disk *= true/ { k++ } END { exit !(n > 0 && n == k) }' "$HCL"; echo $?)" "no source lets Packer resize the disk to its own 40 GB"
report $(($(grep -c 'source *= "github.com' "$ROOT/env/image/plugins.pkr.hcl") != 1)) "one plugin"
report "$(grep -q 'required_plugins *{' "$HCL"; echo $((!$?)))" "required_plugins are not in the file that Packer 1.6 reads"
(need_packages packer jq qemu-utils) >"$WORK/out" 2>&1 || true
if command -v packer >/dev/null; then
	export CHECKPOINT_DISABLE=1 PACKER_CACHE_DIR=$WORK/packer
	# A current Packer needs its plugin before it can validate; where that cannot be had there is nothing to test.
	(IB_LOG=$WORK packer_plugin) >"$WORK/out" 2>&1 && have=1 || have=0
	run packer fmt -check "$HCL"
	expect 0 "packer fmt -check"
	run packer fmt -check "$ROOT/env/image/plugins.pkr.hcl"
	expect 0 "packer fmt -check, the plugins' file"
	if ((have)); then
		truncate -s 1M "$WORK/disk"
		ssh-keygen -q -t ed25519 -N '' -f "$WORK/key"
		vars=(-var "disk=$WORK/disk" -var "payload=$WORK" -var "output=$WORK/o" -var "serial=$WORK/s" -var "key=$WORK/key" -var "http=$WORK")
		run packer validate "${vars[@]}" "$HCL"
		expect 0 "packer validate"
		run packer validate "${vars[@]}" -var "iso=$WORK/disk" -var 'environment=["http_proxy=http://p:1"]' "$HCL"
		expect 0 "packer validate with an ISO and a host variable"
		run packer validate -var disk=x "$HCL"
		expect 1 "packer validate refuses missing variables"
	else
		skip "packer validate" "the qemu plugin could not be fetched"
	fi
else
	skip "packer validate, packer fmt" "packer is not installed and could not be"
fi

# ---- the preseed ----------------------------------------------------------------------------------------
ssh-keygen -q -t ed25519 -N '' -f "$WORK/pkey"
image_preseed "$WORK/preseed.cfg" "$WORK/pkey.pub" test >"$WORK/out" 2>&1
report $? "the preseed is filled in from settings.sh and apt's sources"
run debconf-set-selections --checkonly "$WORK/preseed.cfg"
expect 0 "debconf accepts its syntax"
printf 'd-i broken\n' >"$WORK/broken.cfg"
run debconf-set-selections --checkonly "$WORK/broken.cfg"
report $((STATUS == 0)) "debconf refuses a broken one"
grep -vE '^ *(#|$)' "$WORK/preseed.cfg" | awk '{ print $2, $3 }' | sort >"$WORK/answers"
grep -vE '^ *(#|$)' "$ROOT/env/image/questions" | awk '{ print $1, $2 }' | sort >"$WORK/questions"
run diff "$WORK/questions" "$WORK/answers"
expect 0 "every question of env/image/questions is answered with its type, and nothing else is"
report "$(grep -q "^d-i netcfg/get_hostname string $IMG_HOSTNAME\$" "$WORK/preseed.cfg"; echo $?)" "the host name is that of settings.sh"
report "$(grep -qF "label{ $IMG_ROOT_LABEL }" "$WORK/preseed.cfg"; echo $?)" "so is the root filesystem's label"
report "$(grep -qF "$(cut -d' ' -f2 "$WORK/pkey.pub")" "$WORK/preseed.cfg"; echo $?)" "the key of the build gets in"

# The installer's own templates: the type of every question that its first stage asks.
deb=$(VEX_INSTALL=0 deb_fetch "$PKG_NETBOOT" 2>/dev/null)
if [[ -f $deb ]]; then
	mkdir -p "$WORK/di"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/initrd.gz |
		zcat | (cd "$WORK/di" && busybox cpio -id 'var/lib/dpkg/info/*.templates' 2>/dev/null)
	cat "$WORK"/di/var/lib/dpkg/info/*.templates >"$WORK/templates"
	awk '/^Template: / { t = $2 } /^Type: / { print t, $2 }' "$WORK/templates" | sort -u >"$WORK/types"
	# partman-auto and its like are named in the netboot initrd only for what they tell others.
	grep -E '[[:space:]]initrd$' "$ROOT/env/image/questions" | awk '{ print $1, $2 }' | sort >"$WORK/first"
	comm -23 "$WORK/first" "$WORK/types" >"$WORK/out"
	report "$([[ -s $WORK/out ]]; echo $((!$?)))" "the $(wc -l <"$WORK/first") questions of the netboot initrd exist there, with these types"
	report $(($(wc -l <"$WORK/types") < 50)) "($(wc -l <"$WORK/types") templates read)"
	rm -rf "$WORK/di"
else
	skip "the questions against the installer's templates" "$PKG_NETBOOT cannot be downloaded"
fi

# ---- the archive ------------------------------------------------------------------------------------------
# shellcheck disable=SC2034	# read by the library
IB_WORK=$WORK
image_archives >"$WORK/out"
says "^http.* $IMG_SUITE\$" "there is an archive for $IMG_SUITE"
(VEX_MIRROR=http://127.0.0.1:9/debian image_archive_answers http://127.0.0.1:9/debian) >"$WORK/out" 2>&1
STATUS=$?
expect 6 "an archive that is unreachable"
says 'archive unreachable: http://127.0.0.1:9' "is named"
mkdir -p "$WORK/archive/dists/$IMG_SUITE/main/debian-installer/binary-amd64"
printf 'Package: x\nFilename: pool/x.udeb\n' | gzip >"$WORK/archive/dists/$IMG_SUITE/main/debian-installer/binary-amd64/Packages.gz"
why=$(image_archive_has_installer "file://$WORK/archive" "$WORK")
report "$([[ $? == 1 && $why == *'does not serve them (x.udeb)'* ]]; echo $?)" "an archive that lists installer components it does not have is found out"
mkdir -p "$WORK/archive/pool" && echo x >"$WORK/archive/pool/x.udeb"
why=$(image_archive_has_installer "file://$WORK/archive" "$WORK")
report $? "one that has them passes"

# ---- damaged images ------------------------------------------------------------------------------------------
if command -v qemu-img >/dev/null; then
	refused() { (image_sound "$WORK/$1") >"$WORK/out" 2>&1; STATUS=$?; }
	qemu-img create -q -f qcow2 "$WORK/ok.qcow2" 16M
	refused ok.qcow2
	expect 0 "a sound qcow2"
	: >"$WORK/nothing.qcow2"
	refused nothing.qcow2
	expect 6 "an empty file"
	head -c 100000 "$WORK/ok.qcow2" >"$WORK/cut.qcow2"
	# The L1 table leads nowhere.
	printf '\x80\x00\x00\x00\x7f\x00\x00\x00' | dd of="$WORK/cut.qcow2" bs=1 seek=196608 conv=notrunc status=none
	refused cut.qcow2
	expect 6 "a damaged qcow2"
	says 'damaged.*image build' "says so, and what to do"
	head -c 1M /dev/urandom >"$WORK/noise.raw"
	printf '\0\0' | dd of="$WORK/noise.raw" bs=1 seek=510 conv=notrunc status=none
	refused noise.raw
	expect 6 "a file that is no disk"
else
	skip "damaged images" "qemu-img is not installed"
fi

# ---- what a killed build left ------------------------------------------------------------------------------
mkdir -p "$WORK/c"/{killed,busy,mine}
touch "$WORK/c"/{killed,busy}/half-made
exec {other}<"$WORK/c/busy/half-made"
# shellcheck disable=SC2218	# the program; the function comes below
flock "$other"
half_made_remove "$WORK/c" 2>"$WORK/out"
[[ $(cd "$WORK/c" && echo *) == "busy mine" ]]
report $? "what nobody makes any more is removed, what a build is making or does not know is left alone"
says "removing $WORK/c/killed" "which is said"
(half_made_hold "$WORK/c/new" && half_made_remove "$WORK/c" && [[ -f $WORK/c/new/half-made ]])
report $? "a build does not remove its own"
mkdir "$WORK/c/done"
touch "$WORK/c/done/half-made"
# shellcheck disable=SC2317	# called by half_made_remove
flock() { rm -f "$WORK/c/done/half-made"; command flock "$@"; }
half_made_remove "$WORK/c" 2>/dev/null
unset -f flock
[[ -d $WORK/c/done ]]
report $? "what is finished at that moment is left alone"
half_made_remove "$WORK/c" 2>/dev/null
[[ ! -e $WORK/c/new ]]
report $? "it is left half made when its maker ends"
exec {other}<&-

# ---- what is the user's ---------------------------------------------------------------------------------------
mkdir -p "$WORK/real/images/test-bootstrap-20260101-000000"
ln -s real "$WORK/link"
disk=$WORK/real/images/test-bootstrap-20260101-000000/disk.qcow2
report "$(VEX_CACHE=$WORK/link image_is_ours "$disk"; echo $?)" "an image of ours is one also where the cache is a link"
report "$(VEX_CACHE=$WORK/real/. image_is_ours "$WORK/mine.qcow2"; echo $((!$?)))" "a disk of the user's is none"
# A launcher that does nothing: what goes is what we remove ourselves.
mkdir -p "$WORK/build/env" "$WORK/mine" "$WORK/build/runs/ours"
printf '#!/bin/sh\n' >"$WORK/build/env/vexvm"
chmod +x "$WORK/build/env/vexvm"
touch "$WORK/mine/other.img" "$WORK/build/runs/ours/overlay.img"
for dir in "$WORK/mine" "$WORK/build/runs/ours"; do
	(
		# shellcheck disable=SC2030,SC2034	# for image_vm_start
		VEX_BUILD=$WORK/build IMAGE_DISK=$WORK/mine.qcow2 IMAGE_KEY='' IMAGE_LABEL=x IMAGE_PROBE=() IMAGE_RESUME='' VEX_VERBOSE=0
		image_vm_start "$dir"
	) >"$WORK/out" 2>&1
done
report "$([[ -f $WORK/mine/other.img && ! -f $WORK/build/runs/ours/overlay.img ]]; echo $?)" "disks in a run directory of the user's stay"

# ---- headers that do not unpack ---------------------------------------------------------------------------------
(
	# shellcheck source=env/image/imagemod.sh
	. "$ROOT/env/image/imagemod.sh"
	VEX_BUILD=$WORK/build
	apt_field() { echo "linux-headers-9-common, linux-kbuild-9"; }
	deb_fetch() { echo /dev/null; }
	run() { false; }
	headers_fetch 9-amd64
) >"$WORK/out" 2>&1
report "$((!$?))" "headers that cannot be unpacked are an error"
report "$([[ ! -e $WORK/build/kernels/headers-9-amd64/release ]]; echo $?)" "and do not count as there"

# ---- what Packer's failures are called -------------------------------------------------------------------------
explain() {
	# shellcheck disable=SC2034	# read by the library
	IB_LOG=$WORK
	(packer_explain "$WORK/p.log" "$WORK/serial") >"$WORK/out" 2>&1
	STATUS=$?
}
: >"$WORK/p.log"
echo 'Kernel panic - not syncing' >"$WORK/serial"
explain
expect 3 "a guest that panics while it is built"
echo 'vexfs-provision: kernel: image and headers' >"$WORK/serial"
echo 'Script exited with non-zero exit status: 1' >"$WORK/p.log"
explain
expect 1 "a provisioner that fails"
says "in stage 'kernel: image and headers'" "the stage is named"
echo "E: Failed to fetch http://x" >>"$WORK/p.log"
explain
expect 6 "the archive gone while the guest installs"
echo "Timeout waiting for SSH." >"$WORK/p.log"
explain
expect 4 "a guest that never answers"
echo "write: No space left on device" >"$WORK/p.log"
explain
expect 6 "no space left"

# A process that says nothing is a stall, and is told to stop.
sleep 60 &
pid=$!
echo x >"$WORK/serial"
image_watch "$pid" 'x' 2 "$WORK/serial" >"$WORK/out" 2>&1
STATUS=$?
expect 4 "a stall on the serial console is noticed"
report "$(kill -0 "$pid" 2>/dev/null; echo $((!$?)))" "and what stalled is stopped"

# ---- the manifest ------------------------------------------------------------------------------
if command -v jq >/dev/null; then
	# shellcheck disable=SC2034	# read by image_manifest
	manifest_of() {
		local IB_IMAGE=$WORK/manifest IB_LOG=$WORK/manifest IB_VARIANT=test IB_SOURCE=bootstrap IB_DATE=20260101-000000 IB_REVISION=0123 IB_KERNEL='' \
			IB_ACCEL=tcg IB_PREPARE_S=1 IB_BOOTSTRAP_S=1 IB_PROVISION_S=2 IB_VALIDATE_S=3 IB_TOTAL_S=7
		image_manifest 0
	}
	mkdir -p "$WORK/manifest"
	echo disk >"$WORK/manifest/disk.qcow2"
	printf '%s\n' 'ok 1 it says "yes" \o/' 'ok 2 other' 'ok 3 not here # SKIP why' '# fact kernel 6.1.0-test' '# fact dkms vexfs/0.1 "quoted", x: installed' \
		'# fact boot Startup finished in 3s' '# package vexfs-dkms 0.1' '# package zstd 1.5' >"$WORK/manifest/validate.log"
	manifest_of >"$WORK/manifest/manifest.json"
	run jq -e '.checks_passed == 2 and .checks_skipped == 1 and .dkms == "vexfs/0.1 \"quoted\", x: installed" and .checks[0] == "ok it says \"yes\" \\o/" and .packages.zstd == "1.5" and
		(.archive | startswith("http"))' "$WORK/manifest/manifest.json"
	expect 0 "the manifest is JSON, whatever its strings hold"
else
	skip "the manifest is JSON" "jq is not installed"
fi
