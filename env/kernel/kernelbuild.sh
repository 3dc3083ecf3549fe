# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Kernels built from Debian's linux-source packages: allnoconfig plus the fragments a line of env/kernel/table
# names. Finished trees lie in $VEX_CACHE/kernels/NAME-HASH (hash of source, configuration and compiler), where every
# checkout finds them; sources in $VEX_CACHE/src; unfinished builds in $VEX_CACHE/kbuild/NAME, where the next try goes on.

KERNEL_BUILD_VERSION=1		# raise when the layout made below changes

# kernel_fragments NAME: the files, in the order they apply; FRAGMENT@SERIES.config adds what one series needs.
kernel_fragments() {
	local series frags f
	read -r series _ _ _ frags <<<"$(kernel_row "$1")"
	for f in $frags; do
		printf '%s\n' "$VEX_ROOT/env/kernel/$f.config"
		if [[ -f $VEX_ROOT/env/kernel/$f@$series.config ]]; then
			printf '%s\n' "$VEX_ROOT/env/kernel/$f@$series.config"
		fi
	done
}

# What the kernel is made of as far as this checkout decides it.
kernel_config_hash() {
	local f files
	mapfile -t files < <(kernel_fragments "$1")
	{
		printf '%s %s\n' "$KERNEL_BUILD_VERSION" "$(kernel_row "$1" | cut -d' ' -f1-3)"
		# Comments may change without a build.
		for f in "${files[@]}"; do grep -v '^[[:space:]]*\(#.*\)\?$' "$f" || die "$EX_USAGE" "fragment $f holds no option"; done
		kernel_adaptations "$1"
	} | sha256sum | cut -c1-12
}

complete_field() { sed -n "s/^$2=//p" "$1/.complete" 2>/dev/null; }

# kernel_find_built NAME: the newest finished tree with this configuration and this compiler.
kernel_find_built() {
	local dir id
	id=$(toolchain_id "$(kernel_toolchain "$1")" 2>/dev/null) || return 1
	while IFS= read -r dir; do
		[[ $(complete_field "$dir" config) == "$(kernel_config_hash "$1")" &&
			$(complete_field "$dir" compiler) == "$id" &&
			$(complete_field "$dir" dir) == "$dir" ]] || continue
		printf '%s' "$dir"
		return 0
	done < <(find "$VEX_CACHE/kernels" -mindepth 1 -maxdepth 1 -name "$1-????????????" -printf '%T@ %p\n' 2>/dev/null |
		sort -rn | cut -d' ' -f2-)
	return 1
}

# kernel_link NAME TREE: build/kernels/NAME points into the cache.
kernel_link() {
	local dir f new
	dir=$(kernel_dir "$1") new=$(kernel_dir "$1").new
	rm -rf "$new"
	mkdir -p "$new"
	for f in root kdir vmlinuz vmlinux config System.map traits source; do ln -s "$2/$f" "$new/$f"; done
	cp "$2/release" "$new/release"
	rm -rf "$dir"
	mv "$new" "$dir"
	kernel_stamp "$1" >"$dir/.complete"
}

# ---- source -----------------------------------------------------------------------------------

# source_version PKG SUITES: what apt has; the host's lists are renewed where they do not know it.
source_version() {
	local version
	suite_update "$2" >&2 || return 0	# it has said why: no version is known
	version=$(suite_apt "$2" apt_field "$1" Version)
	if [[ -z $version && $VEX_INSTALL == 1 && $2 == host ]]; then
		apt_update >&2 || warn "the lists of packages could not be renewed: continuing with what is here"
		version=$(apt_field "$1" Version)
	fi
	printf '%s' "$version"
}

# kernel_source SERIES [SUITES]: unpacks what is missing; prints the directory.
kernel_source() {
	local series=$1 suites=${2:-host} pkg=linux-source-$1 version dir deb
	version=$(source_version "$pkg" "$suites")
	if [[ -z $version ]]; then
		# No archive at hand: what is unpacked already will do.
		dir=$(find "$VEX_CACHE/src" -mindepth 1 -maxdepth 1 -name "linux-$series.*" ! -name '*.new' 2>/dev/null | sort -V | tail -n1)
		[[ -n $dir ]] || die "$EX_ENV" "apt knows no $pkg; run apt-get update (bookworm and bookworm-security" \
			"must be among its sources) and try again"
		printf '%s' "$dir"
		return
	fi
	dir=$VEX_CACHE/src/linux-$version
	if [[ ! -f $dir/Makefile ]]; then
		need_space "$VEX_CACHE" 1800 "the source of Linux $series"
		deb=$(suite_apt "$suites" deb_fetch "$pkg") ||
			die "$EX_ENV" "could not download $pkg; check the network and try again"
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		# shellcheck disable=SC2016	# the inner shell expands it
		quietly "unpacking $pkg" "$VEX_BUILD/log/source-$series.log" bash -c \
			'set -e -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | tar -xJ -C "$3" --strip-components=1' \
			x "$deb" "$pkg" "$dir.new" || die "$EX_ENV" "could not unpack $deb"
		mv "$dir.new" "$dir"
	fi
	printf '%s' "$dir"
}

# ---- configuration ------------------------------------------------------------------------------

kernel_obj() { printf '%s/kbuild/%s' "$VEX_CACHE" "$1"; }

# kernel_make NAME SOURCE ARG...: kbuild with everything that decides about its output.
kernel_make() {
	local name=$1 src=$2 cc hostcc
	shift 2
	# One word: rustc takes HOSTCC for its linker.
	hostcc=$(toolchain_cc "$(kernel_toolchain "$name")")
	cc=$hostcc
	if [[ ${VEX_CCACHE:-1} == 1 ]] && kernel_run "$name" sh -c 'command -v ccache' >/dev/null; then cc="ccache $cc"; fi
	# Same input, same output: no time, user or host in the image.
	# shellcheck disable=SC2046	# words
	kernel_run "$name" env CCACHE_DIR="$VEX_CACHE/ccache" CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$VEX_CACHE" \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=vex KBUILD_BUILD_HOST=vex \
		make -C "$src" O="$(kernel_obj "$name")" CC="$cc" HOSTCC="$hostcc" LOCALVERSION="-${name%%-*}" \
		$(kernel_make_args "$name") "$@"
}

# The name without its series becomes the release's tail: 6.1.192-debug.
kernel_configure() {
	local name=$1 src=$2 obj files
	obj=$(kernel_obj "$name")
	mkdir -p "$obj"
	mapfile -t files < <(kernel_fragments "$name")
	cat "${files[@]}" >"$obj/fragments"
	VEX_TAIL=20 quietly "configuring $name" "$obj/config.log" \
		kernel_make "$name" "$src" -s KCONFIG_ALLCONFIG="$obj/fragments" allnoconfig ||
		die "$EX_ENV" "the configuration of $name failed: the first line above that says error names the cause"
	kernel_check_config "$name" "$src" "$obj/.config" "${files[@]}"
	cp "$obj/.config" "$obj/config.made"
}

# config_wants FILE...: "FILE:LINE OPTION VALUE" for each option, the last word on each option only.
config_wants() {
	awk '/^CONFIG_[A-Za-z0-9_]+=/ { o = $0; sub(/=.*/, "", o); v = $0; sub(/^[^=]*=/, "", v); sub(/[ \t]+$/, "", v)
			f = FILENAME; sub(/.*\//, "", f); val[o] = v; at[o] = f ":" FNR }
		END { for (o in val) print at[o], o, val[o] }' "$@" | sort -V
}

# kernel_check_config NAME SOURCE CONFIG FRAGMENT...: Kconfig drops what it does not know or cannot have without a
# word; say which option, where it stands, and what it lacks.
kernel_check_config() {
	local name=$1 src=$2 config=$3 at opt want got bad=0 def
	shift 3
	while read -r at opt want; do
		got=$(sed -n "s/^$opt=//p" "$config")
		[[ ${got:-n} != "$want" ]] || continue
		bad=1
		def=$(grep -rlE --include='Kconfig*' "^(menu)?config ${opt#CONFIG_}\$" "$src" | sed -n 1p) ||
			(($? == 1)) || die "$EX_ENV" "cannot read the Kconfig files in $src: remove that directory and try again"
		if [[ -z $def ]]; then
			warn "env/kernel/$at: $opt=$want: Linux $(basename "$src" | cut -d- -f2) has no such option"
		else
			warn "env/kernel/$at: $opt=$want became ${got:-n}; ${def#"$src"/} says:$(config_depends "${opt#CONFIG_}" "$def")"
		fi
	done < <(config_wants "$@")
	((bad == 0)) || die "$EX_USAGE" "the fragments of $name ask for what this kernel cannot have: correct the lines" \
		"named above (./vex kernel config $name shows every option with its dependencies)"
}

config_depends() {
	awk -v o="$1" '/^(menu)?config / { on = ($2 == o) } on && /depends on|^[ \t]+(bool|tristate)$|select/ {
		if (/depends on/) { sub(/^[ \t]+/, ""); printf " %s;", $0 } }' "$2"
}

# kernel_adaptations NAME: "FILE SED-EXPRESSION" lines of the *.adapt beside its fragments.
kernel_adaptations() {
	local f
	for f in $(kernel_fragments "$1"); do
		if [[ -f ${f%.config}.adapt ]]; then grep -v '^[[:space:]]*\(#.*\)\?$' "${f%.config}.adapt"; fi
	done
}

# kernel_adapt NAME SOURCE: kbuild prefers a file of the build directory to the source's.
kernel_adapt() {
	local name=$1 src=$2 obj file edit
	obj=$(kernel_obj "$name")
	while read -r file edit; do
		mkdir -p "$obj/${file%/*}"
		sed "$edit" "$src/$file" >"$obj/$file.new"
		! cmp -s "$src/$file" "$obj/$file.new" || die "$EX_ENV" "$src/$file is not what '$edit' expects: does this" \
			"source still need the edit? See the *.adapt in env/kernel"
		if cmp -s "$obj/$file" "$obj/$file.new"; then rm "$obj/$file.new"; else mv "$obj/$file.new" "$obj/$file"; fi
	done < <(kernel_adaptations "$name")
}

# ---- build ---------------------------------------------------------------------------------------

# The first thing that went wrong; what follows it is noise.
build_error() { grep -nE -m1 -A3 '(error:|Error [0-9]+|undefined reference|No space left|\*\*\*)' "$1"; }

# build_progress PID LOG LABEL: how many files, how long.
build_progress() {
	local pid=$1 log=$2 label=$3 start=$SECONDS next=10
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - start >= next)); then
			note "$label: $((SECONDS - start)) s, $(grep -cE '^  (CC|AS|RUSTC|LD|HOSTCC)' "$log") files"
			next=$((next + (next < 60 ? 20 : 60)))
		fi
	done
}

kernel_compile() {
	local name=$1 src=$2 obj log targets=(bzImage modules) rc=0 pid
	obj=$(kernel_obj "$name")
	log=$obj/build.log
	if kernel_has "$name" uml; then targets=(linux modules); fi
	kernel_adapt "$name" "$src"
	if grep -qs '^CONFIG_GDB_SCRIPTS=y' "$obj/.config"; then targets+=(scripts_gdb); fi
	trace make -C "$src" O="$obj" -j"$JOBS" "${targets[@]}"
	# Own process group, so that an interrupt ends compilers too and leaves a tree that can go on.
	set -m
	kernel_make "$name" "$src" -j"$JOBS" "${targets[@]}" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064	# the pid of now
	trap "kill -TERM -$pid 2>/dev/null; exit $EX_INT" INT TERM
	build_progress "$pid" "$log" "$name"
	wait "$pid" || rc=$?
	trap - INT TERM
	((rc)) || return 0
	warn "the build of $name failed; the first error (line of $log):"
	build_error "$log" >&2 || tail -n 15 "$log" >&2
	die "$EX_ENV" "correct what the lines above name, then run ./vex kernel build $name again: it goes on where it stopped"
}

# KDIR of the finished tree: what kbuild needs to make modules, without the objects.
kernel_keep_kdir() {
	local name=$1 obj=$2 out=$3
	rsync -a --delete --exclude='/fragments' --exclude='/build.log' --exclude='/vmlinux' --exclude='/vmlinux.*' --exclude='/linux' --exclude='.tmp_*' \
		--exclude='*.ko' --exclude='*.a' --exclude='.*.cmd' --exclude='*.mod' --exclude='*.mod.c' \
		--include='/scripts/**' --include='/tools/**' --exclude='*.o' "$obj/" "$out/kdir/"
	# The compiler is told of directories that may be empty (arch/um/include/generated/uapi), and warns without them.
	find "$out/kdir" -type d -empty ! -path '*/include/*' -delete
	ln -sfn "$(readlink -f "$obj/source")" "$out/kdir/source"
}

kernel_install() {
	local name=$1 src=$2 out=$3 obj release image
	obj=$(kernel_obj "$name")
	release=$(<"$obj/include/config/kernel.release")
	rm -rf "$out.new"
	mkdir -p "$out.new/root/boot"
	quietly "modules of $name" "$obj/install.log" kernel_make "$name" "$src" -s \
		INSTALL_MOD_PATH="$out.new/root" INSTALL_MOD_STRIP=--strip-debug modules_install ||
		die "$EX_ENV" "make modules_install failed for $name; see $obj/install.log"
	rm -f "$out.new/root/lib/modules/$release"/{build,source}
	image=$out.new/root/boot/vmlinuz-$release
	# UML's image is vmlinux itself; its DWARF need not be there twice.
	if kernel_has "$name" uml; then strip --strip-debug -o "$image" "$obj/linux"; else cp "$obj/arch/x86/boot/bzImage" "$image"; fi
	cp "$obj/.config" "$out.new/root/boot/config-$release"
	cp "$obj/System.map" "$obj/vmlinux" "$out.new/"
	kernel_keep_kdir "$name" "$obj" "$out.new"
	ln -s "root/boot/vmlinuz-$release" "$out.new/vmlinuz"
	ln -s "root/boot/config-$release" "$out.new/config"
	ln -s "$src" "$out.new/source"
	printf '%s\n' "$release" >"$out.new/release"
	kernel_traits "$name" >"$out.new/traits"
	cp "$obj/build.log" "$out.new/"
}

# kernel_build NAME: from nothing, or from where the last try stopped.
kernel_build() {
	local name=$1 src tool config hash out start=$SECONDS
	tool=$(kernel_toolchain "$name")
	need_space "$VEX_CACHE" 6000 "building kernel $name"
	src=$(kernel_source "$(kernel_series "$name")") || exit
	# Now, not at the end: the fragments may have changed by then.
	config=$(kernel_config_hash "$name")
	hash=$(printf '%s\n' "$config" "$(basename "$src")" "$(toolchain_id "$tool")" | sha256sum | cut -c1-12)
	out=$VEX_CACHE/kernels/$name-$hash
	if [[ -f $out/.complete ]]; then
		kernel_link "$name" "$out"
		return
	fi
	say "Kernel $name: $(basename "$src"), $(toolchain_id "$tool"), $JOBS jobs; fragments: $(kernel_row "$name" | cut -d' ' -f5-)"
	exec 7>"$VEX_CACHE/.kernel-$name.lock"
	if ! flock -n 7; then
		note "another ./vex builds $name: waiting for it"
		flock 7
		# It has built what we want, as a rule.
		if [[ -f $out/.complete ]]; then
			exec 7>&-
			kernel_link "$name" "$out"
			return
		fi
	fi
	kernel_configure "$name" "$src"
	kernel_compile "$name" "$src"
	kernel_install "$name" "$src" "$out"
	printf 'config=%s\ncompiler=%s\nsource=%s\ndir=%s\nseconds=%d\n' "$config" "$(toolchain_id "$tool")" \
		"$(basename "$src")" "$out" "$((SECONDS - start))" >"$out.new/.complete"
	rm -rf "$out"
	mv "$out.new" "$out"
	# Under the lock: whoever waits for it configures in that directory as soon as it is free.
	rm -rf "$(kernel_obj "$name")"
	exec 7>&-
	kernel_link "$name" "$out"
	note "$name: $(<"$out/release"), $((SECONDS - start)) s, image $(du -hL "$out/vmlinuz" | cut -f1), tree $(du -sh "$out" | cut -f1)"
}
