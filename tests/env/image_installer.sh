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
for f in env/lib/*.sh env/cmd/image.sh; do . "$f"; done
IB_VARIANT=test IB_SOURCE=installer IB_ISO='' IB_CHILD='' IB_NAME=installer-test IB_CPUS=2 IB_MEMORY=1024
IB_WORK=$WORK/work IB_LOG=$WORK/log IB_IMAGE=''
mkdir -p "$IB_WORK/payload" "$IB_LOG"
trap image_build_cleanup EXIT
trap image_build_interrupted INT TERM
image_packages
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
point='vexfs-install: .*main-menu.*download-installer.*failed|Configuring .download-installer. failed'
while kill -0 "$pid" 2>/dev/null && ! grep -qaE "$point" "$log" 2>/dev/null; do sleep 1; done
report "$(grep -qaE "$point" "$log"; echo $?)" "the installer stops at 'Download installer components' ($((SECONDS - start)) s)"
kill -TERM "$pid" 2>/dev/null
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "and is stopped there"
nothing_left "$WORK" "stopped installer"
