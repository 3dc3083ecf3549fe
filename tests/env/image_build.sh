#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An image from nothing: the bootstrapped source builds the test variant, it validates, its manifest is true, and
# a build that is interrupted or fails leaves nothing behind. (The installer: image_installer.sh.)
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

IMAGES=${XDG_CACHE_HOME:-$HOME/.cache}/vex/images
# What other builds on this machine do is none of our business: only names that are new count.
mkdir -p "$IMAGES" "$ROOT/build/image"
others() { (cd "$1" && printf '%s\n' * | sort); }
others "$IMAGES" >"$WORK/images.before"
others "$ROOT/build/image" >"$WORK/work.before"
clean_after() {
	local new
	new=$({ comm -13 "$WORK/images.before" <(others "$IMAGES"); comm -13 "$WORK/work.before" <(others "$ROOT/build/image"); } | tr '\n' ' ')
	[[ -z ${new// /} ]] || printf '# left behind: %s\n' "$new"
	report "$([[ -z ${new// /} ]]; echo $?)" "$1: no half-made image, no working directory"
	nothing_left "$ROOT/build/image" "$1"
}

# ---- interrupted while the guest runs --------------------------------------------------------------------
"$VEX" image build --variant test >"$WORK/out" 2>&1 &
pid=$!
while kill -0 "$pid" 2>/dev/null && ! grep -q 'Packer: the bootstrapped disk boots' "$WORK/out"; do sleep 1; done
while kill -0 "$pid" 2>/dev/null && ! grep -aq 'Linux version' "$ROOT"/build/runs/image-*-"$pid"/serial-bootstrap.log 2>/dev/null; do sleep 1; done
# What Ctrl-C sends; a background job of a script has SIGINT switched off.
kill -TERM "$pid" 2>/dev/null
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "a build is interrupted while its guest boots"
says 'interrupted: .*removed' "it says what becomes of what was made"
clean_after "interrupted"

# ---- interrupted in the bootstrap ----------------------------------------------------------------------------------
"$VEX" image build --variant test >"$WORK/out" 2>&1 &
pid=$!
while kill -0 "$pid" 2>/dev/null && ! pids "^[^ ]*perl .*mmdebstrap.*$ROOT/build/image/" >/dev/null; do sleep 0.5; done
sleep 8
kill -TERM "$pid" 2>/dev/null
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "a build is interrupted in its bootstrap"
report "$(pids "mmdebstrap.*$ROOT/build/image/" >/dev/null; echo $((!$?)))" "no process of it goes on"
clean_after "interrupted in the bootstrap"

# ---- a provisioner that fails: a package that no archive has ------------------------------------------------
mkdir -p "$WORK/tree"
(cd "$ROOT" && git ls-files -z | tar -c --null -T - -f -) | tar -x -C "$WORK/tree"
echo 'no-such-package-anywhere' >>"$WORK/tree/env/image/packages/test.list"
run "$WORK/tree/vex" image build --variant test
expect 6 "a package that the archive does not have"
says 'no-such-package-anywhere' "is named"
sed -i '/no-such-package-anywhere/d' "$WORK/tree/env/image/packages/test.list"
# shellcheck disable=SC2016	# for the stage
printf '%s\n' '#!/bin/bash' '. "$(dirname "$0")/lib.sh"' 'stage "early: this one fails"' 'false' >"$WORK/tree/env/image/provision/00-early.sh"
run "$WORK/tree/vex" image build --variant test
expect 1 "a provisioner that fails in the bootstrap"
says "in stage 'early: this one fails'" "the stage is named"
others "$IMAGES" >"$WORK/now"
report "$(diff "$WORK/images.before" "$WORK/now" >/dev/null; echo $?)" "failed builds leave no image"

# ---- no space ----------------------------------------------------------------------------------------------
if ((EUID == 0)) && unshare -m true 2>/dev/null; then
	mkdir -p "$WORK/small"
	run unshare -m sh -c "mount -t tmpfs -o size=64m tmpfs '$WORK/small' && mkdir '$WORK/small/vex' && cp -a '${IMAGES%/images}'/accel-* '$WORK/small/vex/' 2>/dev/null; XDG_CACHE_HOME='$WORK/small' '$VEX' image build --variant test"
	expect 6 "no room for an image"
	says 'needs [0-9]+ MB in .*small' "says how much, and where"
else
	skip "no room for an image" "needs root and a mount name space"
fi

# ---- from nothing to a valid image ----------------------------------------------------------------------------
start=$SECONDS
run "$VEX" image build --variant test
expect 0 "the test variant from nothing ($((SECONDS - start)) s)"
dir=$(tail -n1 "$WORK/out")
says 'is valid' "and it validates"
sed -n 's/.*is valid: /# /p' "$WORK/out"
report "$([[ -f $dir/disk.qcow2 && -f $dir/manifest.json && -f $dir/id_ed25519 && -f $dir/console.log && -f $dir/valid ]]; echo $?)" "all its files are there"
report "$([[ $(stat -c %a "$dir/id_ed25519") == 600 ]]; echo $?)" "nobody else reads the key"
size=$(stat -c %s "$dir/disk.qcow2")
report $((size >= 700000000)) "below 700 MB ($((size / 1000000)) MB)"
virtual=$(qemu-img info "$dir/disk.qcow2" | sed -n 's/^virtual size: .*(\([0-9]*\) bytes)$/\1/p')
report "$([[ $virtual == $((8192 * 1048576)) ]]; echo $?)" "8 GB for the guest ($virtual bytes)"
report "$(grep -q "\"disk_bytes\": $virtual," "$dir/manifest.json"; echo $?)" "as the manifest says"
report "$(grep -q "\"sha256\": \"$(sha256sum "$dir/disk.qcow2" | cut -d' ' -f1)\"" "$dir/manifest.json"; echo $?)" "the manifest has its SHA-256"
report "$(grep -q "\"revision\": \"$(git -C "$ROOT" rev-parse HEAD)" "$dir/manifest.json"; echo $?)" "and the revision"
report "$(grep -qE '"vexfs-dkms": "[0-9]' "$dir/manifest.json" && grep -qE '"linux-image-[0-9.-]+-cloud-amd64": "6' "$dir/manifest.json"; echo $?)" "and the packages"
if command -v jq >/dev/null; then
	run jq -e '.validation == "passed" and .checks_failed == 0 and (.packages | length) > 100' "$dir/manifest.json"
	expect 0 "it is JSON, and says passed"
else
	skip "the manifest is JSON" "jq is not installed"
fi
run "$VEX" image list
says "$(basename "$dir") +valid" "image list shows it"

# ---- an image that lost something is found out ---------------------------------------------------------------------
printf '"%s"\n' "$dir" >"$WORK/out"
head -c $((size / 2)) "$dir/disk.qcow2" >"$WORK/half.qcow2"
cp "$dir/id_ed25519" "$WORK/"
run "$VEX" image validate "$WORK/half.qcow2"
expect 6 "validate refuses half an image"
says 'damaged' "as damaged"
rm -f "$WORK/half.qcow2"
rm -rf "$dir"
