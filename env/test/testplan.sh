# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# sets what testrun.sh and the command read
#
# Which guest tests run on which kernels, and which share a machine.
#
# A plan is a file with one row per test and kernel:
#	KERNEL|CPUS|LANE|MEMORY|NAME|PATH|LIMIT|WEIGHT|NEEDS
# LIMIT: seconds the test may take, before scaling by the speed of the host; WEIGHT: ms it is expected to take.

# needs_of FILE: the words behind "needs:" in the first such line.
needs_of() { sed -n 's/.*\bneeds: *//p' "$1" | head -n1 | sed 's#\*/.*##'; }

# needs_word VALUES NAME DEFAULT
needs_word() {
	local w
	for w in $1; do
		if [[ $w == "$2="* ]]; then printf '%s' "${w#*=}"; return; fi
	done
	printf '%s' "$3"
}

# kernel_is_one_of NAME LIST: names and traits (6.1, debug, x86), by commas.
kernel_is_one_of() {
	local w
	for w in ${2//,/ }; do
		if [[ $w == "$1" ]] || kernel_has "$1" "$w"; then return 0; fi
	done
	return 1
}

# uml_lacks NEEDS: why a test cannot run under User-Mode Linux; nothing when it can.
uml_lacks() {
	if (($(needs_word "$1" cpus 1) > 1)); then printf 'User-Mode Linux has one processor'; fi
}

# Everything a checker slows down gets more time: KASAN and lockdep make emulated code several times slower.
kernel_slowness() {
	if kernel_has "$1" kasan; then printf 400; elif kernel_has "$1" lockdep; then printf 200; else printf 100; fi
}

# KASAN's shadow, its quarantine and kmemleak's records come on top of what a test asks for.
kernel_memory() {
	if kernel_has "$1" kasan; then printf '%d' "$(($2 + 384))"; else printf '%d' "$2"; fi
}

# ---- choice of kernels ---------------------------------------------------------------------------

# test_kernels WORDS: sets T_KERNELS, and T_SLICE to those of them that get a slice of the tests only.
# Without --kernel: the kernels with trait "default" in full, and a slice on every other one that is here; the rest is
# in T_NOT_HERE. A kernel of another suite is never fetched for that: a machine without that suite tests the others.
test_kernels() {
	local k list
	T_KERNELS=() T_SLICE=' ' T_NOT_HERE=()
	if [[ -n $1 ]]; then
		list=$(kernel_parse "$1") || exit
	elif ((T_FULL)); then
		list=$(kernel_parse all) || exit
	else
		list=$(kernel_parse default) || exit
		for k in $(kernel_names); do
			if kernel_has "$k" default; then
				continue
			elif kernel_cached "$k"; then
				list+=$'\n'$k T_SLICE+="$k "
			else
				T_NOT_HERE+=("$k")
			fi
		done
	fi
	mapfile -t T_KERNELS <<<"$list"
}

# ---- tests -----------------------------------------------------------------------------------------

# guest_tests: NAME PATH SOURCE of each one the filter lets through; C programs come from build/guest/tests.
guest_tests() {
	local f name
	for f in "$T_TESTS"/*.sh "$T_TESTS"/*.c; do
		[[ -f $f ]] || continue
		name=$(basename "$f")
		name=${name%.*}
		[[ $name =~ $T_FILTER ]] || continue
		if [[ $f == *.c ]]; then
			[[ -f $VEX_BUILD/guest/tests/$name ]] || continue
			printf '%s %s %s\n' "$name" "$VEX_BUILD/guest/tests/$name" "$f"
		elif grep -q 'needs:' "$f"; then
			# A .sh file without needs is a library other tests source.
			printf '%s %s %s\n' "$name" "$f" "$f"
		fi
	done
}

# why_not KERNEL NEEDS: why this test is left out on this kernel; nothing when it runs.
why_not() {
	local kernel=$1 needs=$2
	if [[ " $needs " == *" full "* && $T_FULL == 0 ]]; then
		printf 'takes long; run with --full'
	elif [[ $T_SLICE == *" $kernel "* && " $needs " != *" slice "* && -z $(needs_word "$needs" kernel "") ]]; then
		printf 'not in the slice this kernel gets; run with --full, or --kernel %s' "$kernel"
	elif kernel_has "$kernel" uml; then
		uml_lacks "$needs"
	fi
}

# test_weight KERNEL NAME LIMIT: what it took last time, else a guess.
test_weight() {
	local ms
	ms=$(awk -v k="$1" -v n="$2" '$1 == k && $2 == n { print $3 }' "$VEX_BUILD/test-times" 2>/dev/null)
	printf '%d' "${ms:-$(($3 * 100 * $(kernel_slowness "$1") / 100))}"
}

# plan_row KERNEL NAME PATH NEEDS
plan_row() {
	local kernel=$1 name=$2 path=$3 needs=$4 cpus lane limit mem i
	# Two machines of one processor do more work than one of two where processors are emulated; a test that is
	# about races says cpus=2.
	cpus=${VM_CPUS:-$(needs_word "$needs" cpus "$T_CPUS")}
	lane=$(needs_word "$needs" lane "$VM_LANE")
	if kernel_has "$kernel" uml; then cpus=1 lane=cold; fi
	limit=$(($(needs_word "$needs" time 60) * $(kernel_slowness "$kernel") / 100))
	mem=$(parse_mb "${VM_MEMORY:-$(needs_word "$needs" mem 768M)}")
	# One size for nearly all: a saved guest is kept per size.
	if [[ -z $VM_MEMORY ]] && ((mem < 768)); then mem=768; fi
	for ((i = 1; i <= T_REPEAT; i++)); do
		printf '%s|%s|%s|%s|%s|%s|%s|%s|%s\n' "$kernel" "$cpus" "$lane" "$(kernel_memory "$kernel" "$mem")" \
			"$name$( ((T_REPEAT == 1)) || echo "@$i")" "$path" "$limit" "$(test_weight "$kernel" "$name" "$limit")" "$needs"
	done
}

# plan_guest DIR: writes DIR/plan, and DIR/left-out-KERNEL as TAP.
plan_guest() {
	local dir=$1 kernel name path src needs why wanted
	: >"$dir/plan"
	while read -r name path src; do
		needs=$(needs_of "$src")
		wanted=$(needs_word "$needs" kernel "")
		local any=0
		for kernel in "${T_KERNELS[@]}"; do
			if [[ -n $wanted ]] && ! kernel_is_one_of "$kernel" "$wanted"; then continue; fi
			any=1
			why=$(why_not "$kernel" "$needs")
			if [[ -n $why ]]; then
				printf 'ok 0 %s # SKIP %s\n' "$name" "$why" >>"$dir/left-out-$kernel"
			else
				plan_row "$kernel" "$name" "$path" "$needs" >>"$dir/plan"
			fi
		done
		((any)) || printf 'ok 0 %s # SKIP only for kernel %s\n' "$name" "$wanted" >>"$dir/left-out-none"
	done < <(guest_tests)
}

# pack_shards DIR: deals the plan out into files DIR/shardN, heaviest first. Tests of one shard agree on kernel,
# processors and lane; its machine is as large as its largest test. Shards are cut so that there are some four per
# processor: fewer leave a processor idle at the end, more cost more starts.
pack_shards() {
	local dir=$1
	sort -t'|' -k1,1 -k2,3 -k8,8nr -s "$dir/plan" | awk -F'|' -v jobs="$T_JOBS" '
		{ row[NR] = $0; key[NR] = $1 "|" $2 "|" $3; w[NR] = $8; sum[key[NR]] += $8; n[key[NR]]++; total += $8 }
		END {
			target = total / (4 * jobs); if (target < 20000) target = 20000
			for (i = 1; i <= NR; i++) {
				k = key[i]
				bins = int(sum[k] / target + 0.999); if (bins < 1) bins = 1
				if (bins > n[k]) bins = n[k]
				best = 1
				for (b = 2; b <= bins; b++) if (load[k, b] + 0 < load[k, best] + 0) best = b
				load[k, best] += w[i] + 1
				print k "|" best "#" row[i]
			}
			for (kb in load) if (load[kb] > 0) { split(kb, a, SUBSEP); print load[kb] " " a[1] "|" a[2] > "/dev/stderr" }
		}' >"$dir/dealt" 2>"$dir/loads"
	local n=0 key
	while read -r _ key; do
		n=$((n + 1))
		awk -F'#' -v k="$key" '$1 == k { sub(/^[^#]*#/, ""); print }' "$dir/dealt" | sort -t'|' -k5,5V >"$dir/shard$n"
	done < <(sort -k1,1nr -k2 "$dir/loads")
	rm -f "$dir/dealt" "$dir/loads"
	T_SHARDS=$n
}

# plan_root PLAN: makes the root of env/debroot that tests of the plan want ("root=NAME"; one for all of them).
plan_root() {
	local name
	name=$(cut -d'|' -f9 "$1" | tr ' ' '\n' | sed -n 's/^root=//p' | sort -u)
	[[ -z $name ]] || debroot_need "$name"
}

# shard_wants_root SHARD
shard_wants_root() { cut -d'|' -f9 "$1" | grep -qE '(^| )root='; }

# shard_disks SHARD: every name any member wants, at the largest size wanted.
shard_disks() {
	if shard_wants_root "$1"; then printf 'root=%s:ro,format=raw\n' "$DEBROOT_IMAGE"; fi
	grep -oE 'disk=[A-Za-z0-9_-]+:[0-9]+[KMG]?' "$1" | sed 's/^disk=//' | awk -F: '
		function bytes(s, n) { n = s + 0
			if (s ~ /K$/) n *= 1024; if (s ~ /M$/) n *= 1048576; if (s ~ /G$/) n *= 1073741824
			return n }
		{ if (bytes($2) > max[$1]) { max[$1] = bytes($2); text[$1] = $2 } }
		END { for (d in text) print d "=" text[d] }' | sort
}
