# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The shell libraries, by room. They define functions and lists, and do nothing; VEX_ROOT, VEX_BUILD and VEX_CACHE are
# set before. ui.sh first: the others speak through it, and its constants are read-only.
for lib in "$VEX_ROOT"/env/lib/ui.sh "$VEX_ROOT"/env/{lib,kernel,lint,test}/*.sh "$VEX_ROOT"/env/image/image*.sh \
	"$VEX_ROOT/env/debug/observe.sh"; do
	# shellcheck source=/dev/null
	[[ $lib == */ui.sh && -n ${EX_OK:-} ]] || . "$lib"
done
unset lib
