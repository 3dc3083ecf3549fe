# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# DEBROOT_IMAGE is read by the commands
#
# Roots of Debian for guests: env/debroot/NAME.list says what is in one, mmdebstrap makes it once, the cache keeps it.

DEBROOT_HERE=$VEX_ROOT/env/debroot

# debroot_need NAME: sets DEBROOT_IMAGE, the image of that root; made where it is missing.
debroot_need() {
	local name=$1 list=$DEBROOT_HERE/$1.list key new lock log=$VEX_BUILD/log/root-$1.log
	key=$(cat "$DEBROOT_HERE/make.sh" "$list" | sha256sum | cut -c1-16)
	DEBROOT_IMAGE=$VEX_CACHE/roots/$name-$key.img
	mkdir -p "${DEBROOT_IMAGE%/*}"
	exec {lock}>"${DEBROOT_IMAGE%/*}/$name.lock"
	flock "$lock"
	if [[ ! -f $DEBROOT_IMAGE ]]; then
		need_space "$VEX_CACHE" 2000 "the root '$name'"
		say "Making the root '$name' with mmdebstrap (once; $(grep -cE '^[^#]' "$list") packages and what they need)"
		new=${DEBROOT_IMAGE%/*}/$name-new.img
		rm -f "${DEBROOT_IMAGE%/*}/$name"-*.img
		image_sources_list >"$VEX_BUILD/$name-sources.list"
		quietly "mmdebstrap" "$log" bash "$DEBROOT_HERE/make.sh" "$new" "$list" "$IMG_SUITE" \
			"$VEX_BUILD/$name-sources.list" {lock}>&- ||
			die "$EX_ENV" "the root '$name' could not be made; see ${log#"$VEX_ROOT"/}"
		mv "$new" "$DEBROOT_IMAGE"
	fi
	exec {lock}>&-
}

# debroot_payload: the payload's entry with which scripts in the guest use a root.
debroot_payload() { printf 'file /vex/debroot.sh 0644 %s\n' "$DEBROOT_HERE/guest.sh"; }
