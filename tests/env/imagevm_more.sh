#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: full
# Images for minutes: the whole job of ./vex run, what is kept and what is not, a share by 9p, a window.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"
export VEX_TEST_FULL=1
image_or_skip "run --image, persistence, 9p, window"
REAL_CACHE=${IMAGE_DIR%/images/*}
private_cache
before=$(sha256sum <"$IMAGE_DIR/disk.qcow2")

# ---- the whole job -----------------------------------------------------------------------------------------------
run "$VEX" run --image --limit 100 --query 'play chess against the computer'
expect 0 "./vex run --image"
says '^search: play chess' "answers the search"
says 'files +100 stored in [0-9]+ ms, all equal after the remount' "stores and compares the files"
says 'guest ready .*\(image lane\)' "in the image"

# ---- persistent ---------------------------------------------------------------------------------------------------
run "$VEX" shell --image --persistent -- sh -c 'echo kept >/root/mark; echo lost >/run/mark'
expect 0 "a persistent guest"
says 'shutting the guest down' "is shut down in order"
run "$VEX" shell --image --persistent --installed -- sh -c 'cat /root/mark; command -v vexctl; modinfo -n vexfs'
says '^kept' "what it wrote is there the next time"
says 'updates/dkms' "--installed: the image has a module of its own"
says '^/usr/bin/vexctl' "and tools, which are the ones used"

# ---- a kernel that the image had not when it was built -------------------------------------------------------------
run "$VEX" shell --image --installed -- sh -c '
	flavour=amd64; case $(uname -r) in *-cloud-amd64) ;; *) flavour=cloud-amd64 ;; esac
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q update && apt-get -qy --no-install-recommends install linux-image-$flavour linux-headers-$flavour; } >/root/apt.log 2>&1 ||
		{ tail -n 20 /root/apt.log; exit 1; }
	new=$(ls /lib/modules | grep -vx "$(uname -r)" | sort -V | tail -n1)
	echo "running $(uname -r), new $new"; dkms status vexfs -k "$new"; modinfo -k "$new" -n vexfs; modinfo -k "$new" -F vermagic vexfs'
expect 0 "another kernel is installed"
new=$(sed -n 's/^running .*, new //p' "$WORK/out")
says "^vexfs/.*, ${new:-none}, .*: installed" "DKMS builds the module for it (${new:-none})"
says "^/lib/modules/${new:-none}/updates/dkms/vexfs\\.ko" "where modprobe finds it"
says "^${new:-none} " "made for that kernel"

# ---- 9p: kernels of the dev and debug variants have it --------------------------------------------------------------
dev=$(find "$REAL_CACHE/images" -path '*/d*/valid' -printf '%h\n' 2>/dev/null | sort | tail -n1)
if [[ -n $dev ]]; then
	mkdir -p "$WORK/9p"
	echo "from the host" >"$WORK/9p/f"
	run "$VEX" shell --image "$dev" --installed --share "$WORK/9p" --share-by 9p -- sh -c 'cat /share/f; findmnt -no FSTYPE /share; echo back >/share/g'
	expect 0 "--share by 9p"
	says '^9p$' "is mounted"
	[[ $(<"$WORK/9p/g") == back ]]
	report $? "and writable"
else
	skip "--share by 9p" "no dev or debug image in $REAL_CACHE/images, and the kernel of test images has no 9p"
fi

# ---- a window ---------------------------------------------------------------------------------------------------------
if command -v Xvfb >/dev/null; then
	exec 5>"$WORK/display"
	Xvfb -displayfd 5 -screen 0 1024x768x24 >/dev/null 2>&1 &
	xvfb=$!
	while [[ ! -s $WORK/display ]] && kill -0 "$xvfb"; do sleep 0.1; done
	run env DISPLAY=":$(<"$WORK/display")" "$VEX" shell --image --graphical --screenshot "$WORK/screen.png" -- uname -r
	expect 0 "--graphical: a window on DISPLAY"
	# A PNG of a black screen has a few hundred bytes.
	size=$(stat -c %s "$WORK/screen.png" 2>/dev/null || echo 0)
	((size > 2000))
	report $? "something is on the screen (PNG of $size bytes)"
	kill "$xvfb"
	run env DISPLAY=:9999 "$VEX" shell --image --graphical -- true
	expect 6 "a DISPLAY that is not there"
	says 'cannot open a window on DISPLAY=:9999' "is named"
else
	skip "a window" "Xvfb is missing (package xvfb)"
fi

[[ $(sha256sum <"$IMAGE_DIR/disk.qcow2") == "$before" ]]
report $? "the image itself is unchanged after all this"
