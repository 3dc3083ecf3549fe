# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For tests that boot an image: which one, and guests that run beside the test.

# image_or_skip NAME: sets IMAGE_DIR to the newest valid image of the quickest variant; without one says why and ends the
# test. VEX_TEST_FULL=1 builds one first.
image_or_skip() {
	local cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vex d v
	IMAGE_DIR=''
	for v in test dev debug; do
		# VARIANT-SOURCE-DATE: the date decides.
		while read -r d; do
			if [[ -f $d/valid ]]; then IMAGE_DIR=$d; fi
		done < <(printf '%s\n' "$cache/images/$v"-*-* | awk -F/ '{ n = $NF; sub(/^[^-]*-[^-]*-/, "", n); print n, $0 }' | sort | cut -d' ' -f2-)
		[[ -z $IMAGE_DIR ]] || break
	done
	[[ -n $IMAGE_DIR ]] && return
	if [[ ${VEX_TEST_FULL:-0} == 1 ]]; then
		run "$VEX" image build --variant test
		expect 0 "an image is built for this test"
		((STATUS == 0)) || exit 1
		image_or_skip "$1"
		return
	fi
	skip "$1" "no valid image in $cache/images: ./vex image build --variant test"
	exit 0
}

newest_run() { find "$ROOT/build/runs" -maxdepth 1 -name "$1-*" -printf '%T@ %p\n' | sort -rn | head -n1 | cut -d' ' -f2-; }

# start_shell NAME OPTION...: ./vex shell --image in the background.
start_shell() {
	local name=$1
	shift
	"$VEX" shell --image="$(basename "$IMAGE_DIR")" "$@" >"$WORK/$name.log" 2>&1 </dev/null &
	SHELL_PID=$! SHELL_LOG=$WORK/$name.log
}

end_shell() {
	STATUS=0
	wait "$SHELL_PID" || STATUS=$?
	cp "$SHELL_LOG" "$WORK/out"
}

# As long as the shell lives: its own time-outs know how slow this host is.
wait_for_file() {
	while [[ ! -e $1 ]]; do
		kill -0 "$SHELL_PID" 2>/dev/null || { sed 's/^/# /' "$SHELL_LOG"; return 1; }
		sleep 0.2
	done
}

# A port nobody listens on, in PORT.
free_port() {
	while :; do
		PORT=$((20000 + RANDOM % 10000))
		(exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
	done
}

# private_cache: images, snapshots and persistent state of this test only.
private_cache() {
	local name to
	name=$(basename "$IMAGE_DIR")
	to=$WORK/cache/vex/images/$name
	mkdir -p "$to"
	ln "$IMAGE_DIR/disk.qcow2" "$to/" 2>/dev/null || cp --reflink=auto --sparse=always "$IMAGE_DIR/disk.qcow2" "$to/"
	cp -p "$IMAGE_DIR"/{manifest.json,id_ed25519,valid} "$to/"
	# What is known about this machine stays known.
	cp "${IMAGE_DIR%/images/*}"/accel-* "$WORK/cache/vex/" 2>/dev/null || true
	export XDG_CACHE_HOME=$WORK/cache
}
