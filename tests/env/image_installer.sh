#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The installer source. Where the archive has the installer's components, an image is built with it from start to
# end. Where it has not, the installer runs to the point where it misses them ("Download installer components"),
# and every step up to there is read off its serial line.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# In a shell of its own: what the libraries set must not meet what the test sets.
cat >"$WORK/installer" <<'END'
set -euo pipefail
cd "$1"
VEX_ROOT=$1 VEX_BUILD=$1/build VEX_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vex WORK=$2
export VEX_ROOT VEX_BUILD VEX_CACHE
. env/load.sh
. env/cmd/image.sh
IB_VARIANT=test IB_SOURCE=installer IB_ISO='' IB_KERNEL='' IB_CHILD='' IB_NAME=installer-test IB_CPUS=2 IB_MEMORY=1024
IB_WORK=$WORK/work IB_LOG=$WORK/log IB_IMAGE=''
mkdir -p "$IB_WORK/payload" "$IB_LOG"
trap image_build_cleanup EXIT
trap image_build_interrupted INT TERM
image_build_need
image_accel
ssh-keygen -q -t ed25519 -N '' -f "$IB_WORK/id_ed25519"
case $3 in
probe) image_archive_has_installer "$(image_archive "$IMG_SUITE")" "$IB_WORK" ;;
run) packer_plugin; image_install_run ;;
esac
END

bash "$WORK/installer" "$ROOT" "$WORK" probe >"$WORK/why" 2>"$WORK/out"
STATUS=$?
why=$(tail -n1 "$WORK/why")
if ((STATUS == 0)); then
	run "$VEX" image build --variant test --source installer
	expect 0 "the installer source from start to end"
	says 'is valid' "and it validates"
	exit 0
fi
if [[ -z $why ]]; then
	report 1 "the archive can be asked for installer components"
	exit 1
fi
printf '# %s\n' "$why"

run "$VEX" image build --variant test --source installer
expect 6 "without the components an installer build is refused before it starts"
says 'the installer cannot finish here: .*bootstrap' "with the reason and the way out"

start=$SECONDS
log=$WORK/log/serial-installer.log
bash "$WORK/installer" "$ROOT" "$WORK" run >"$WORK/out" 2>&1 &
pid=$!
point='vexfs-install: .*anna.*package retrieval failed'
trap 'kill -TERM "$pid" 2>/dev/null' TERM INT
while kill -0 "$pid" 2>/dev/null && ! grep -qaE "$point" "$log" 2>/dev/null; do sleep 1; done
reached() {
	grep -qaE "$1" "$log"
	report $? "$2"
}
reached 'vexfs-install: .*netcfg.*Network config complete' "the installer boots and configures the network"
reached 'vexfs-install: .*successfully loaded preseed file from http://' "takes the preseed over HTTP"
reached 'vexfs-install: .*net-retriever: gpgv: Good signature' "accepts the mirror and its signature"
reached "vexfs-install: .*Menu item 'download-installer' selected" "comes to 'Download installer components'"
reached 'vexfs-install: .*anna.*ERROR 404' "which the archive answers with 404"
reached "$point" "and stops there ($((SECONDS - start)) s)"
asked=$(sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' "$log" | grep -ac '^Prompt:')
((asked <= 1))
report $? "it asked nothing before that ($asked questions)"
kill -TERM "$pid" 2>/dev/null
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "and is stopped there"
nothing_left "$WORK" "stopped installer"
