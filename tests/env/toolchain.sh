#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Programs, their versions, the compilers of the kernels, and kernel trees that are broken.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# ---- env/tools.list -------------------------------------------------------------------------------

run "$VEX" setup --check build check kernel vm
expect 0 "setup --check: what the tests run with is here"
says 'everything is here: build check kernel vm' "says so"
run "$VEX" setup --check bulid
expect 2 "unknown group"
says "unknown group 'bulid': there are build .*lint.*cross" "names it and lists the groups"
run "$VEX" doctor bulid
expect 2 "unknown group for doctor"
run "$VEX" setup --frobnicate
expect 2 "unknown option"

# A machine without sparse, and one whose sparse is from another age: a PATH of links to all other programs.
mkdir "$WORK/bin" "$WORK/old"
ln -sf /usr/sbin/* /usr/bin/* "$WORK/bin/" 2>/dev/null
rm -f "$WORK/bin/sparse"
run env PATH="$WORK/bin" DPKG_ADMINDIR=/var/lib/dpkg "$VEX" setup --check lint
expect 6 "setup --check: a program is missing"
says 'missing +sparse +\(package sparse\) for ./vex lint' "names program, package and what needs it"
says './vex setup lint installs' "and what to type"
run env PATH="$WORK/bin" "$VEX" doctor
says 'absent +lint: sparse' "doctor: a program only one command needs is absent"
run env PATH="$WORK/bin" "$VEX" doctor lint
expect 6 "doctor lint: it counts when asked for"
says 'missing +lint: sparse' "says so"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho 0.5.0\n' >"$WORK/old/sparse"
chmod +x "$WORK/old/sparse"
run env PATH="$WORK/old:$PATH" "$VEX" setup --check lint
expect 6 "a program that is too old"
says 'old +sparse +0\.5\.0, at least 0\.6\.4' "names both versions"

# ---- ./vex kernel check -------------------------------------------------------------------------------

run "$VEX" kernel check 6.1
expect 0 "kernel check on a good tree"
says 'ok +6\.1: 6\.1\..*built by gcc.*compiles and links in' "release, compiler and time"
run "$VEX" kernel check 9.9
expect 2 "kernel check of an unknown kernel"

# A tree of its own that may be broken: headers copied, everything big a link.
good=$ROOT/build/kernels/6.1
tree=$WORK/build/kernels/6.1
fresh() {
	rm -rf "$tree"
	mkdir -p "$tree/root/lib/modules/$(<"$good/release")"
	cp -a "$(readlink -f "$good/kdir")" "$tree/kdir"
	ln -s "$(readlink -f "$good/vmlinuz")" "$tree/vmlinuz"
	cp -L "$good"/{release,traits,config} "$tree/"
	sed "s#[^ ]*\$#$tree/root#" "$good/.complete" >"$tree/.complete"
}
# The commands' own code, with another build directory.
check() {
	# shellcheck disable=SC2016
	run env VEX_ROOT="$ROOT" VEX_BUILD="$WORK/build" VEX_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/vex" bash -c '
		set -euo pipefail
		. "$VEX_ROOT/env/load.sh"
		kernel_check "$@"' x "$@"
}
# broken REGEX NAME: exit code and message of a tree that cannot be used
broken() {
	check 6.1
	expect 6 "$2"
	says "broken +6\\.1 $1" "... says so, and what to do"
}

check
expect 7 "no kernel is here"
says './vex kernel fetch' "says what to do"
fresh
check
expect 0 "a copy of a good tree is good"
printf '4 /nowhere/kernels/6.1/root\n' >"$tree/.complete"
broken 'was moved.*/nowhere.*kernel fetch 6\.1' "a tree that was moved"
fresh
rm -r "$tree/kdir"
ln -s ../gone "$tree/kdir"
broken 'has no headers: .*leads nowhere.*kernel fetch' "headers that are gone"
fresh
rm "$tree/kdir/Module.symvers"
broken 'lacks Module.symvers' "headers that are incomplete"
fresh
echo '#define UTS_RELEASE "6.1.0-1-amd64"' >"$tree/kdir/include/generated/utsrelease.h"
broken 'has headers of 6\.1\.0-1-amd64, but is 6\.1' "headers of another release"
fresh
other=$ROOT/build/kernels/6.12/vmlinuz
if [[ -e $other ]]; then
	ln -sfn "$(readlink -f "$other")" "$tree/vmlinuz"
	broken 'has a vmlinuz of 6\.12' "a kernel of another release"
else
	skip "a kernel of another release" "kernel 6.12 is not here"
fi
fresh
rmdir "$tree/root/lib/modules/"*
broken 'has no modules in root/lib/modules' "the kernel's modules are gone"
fresh
sed -i '/^CONFIG_JBD2=/d' "$tree/kdir/include/config/auto.conf"
broken 'was configured without.*CONFIG_JBD2 \(not set; the journal' "an option VexFS needs is off"
fresh
cp "$(readlink -f "$tree/kdir/scripts")" "$WORK/scripts" -r
rm "$tree/kdir/scripts" "$WORK/scripts/mod/modpost"
ln -s "$WORK/scripts" "$tree/kdir/scripts"
printf '\177ELF\002\001\001 of another machine\n' >"$WORK/scripts/mod/modpost"
chmod +x "$WORK/scripts/mod/modpost"
broken 'has kbuild programs that do not run here' "kbuild programs of another architecture"
fresh
sed -i 's/gcc-12$/gcc-99/' "$tree/kdir/.kernelvariables"
broken 'cannot be built for: .*gcc-99, which built this kernel .*not installed' "the compiler is not installed"
fresh
sed -i '/jbd2_journal_load/d' "$tree/kdir/Module.symvers"
broken 'cannot build a module: .*jbd2_journal_load.* undefined' "a symbol VexFS needs is not exported"
fresh
sed -i 's/^CONFIG_CC_VERSION_TEXT=.*/CONFIG_CC_VERSION_TEXT="gcc-11 (Debian 11.3.0-12) 11.3.0"/' "$tree/kdir/.config"
check 6.1
expect 0 "the kernel was built by another compiler: it still builds"
says 'warning +6\.1: .*built by "gcc-11 .* 11\.3\.0", here is "gcc-12 .*kernel fetch 6\.1' "but a warning names both"

# ---- another PATH, half-made trees --------------------------------------------------------------------------

# A login of an ordinary user has no sbin on its PATH.
run env PATH=/usr/local/bin:/usr/bin:/bin "$VEX" kernel check 6.1
expect 0 "kernel check with the PATH of a user's login"
run env PATH=/usr/local/bin:/usr/bin:/bin "$VEX" setup --check kernel
expect 0 "setup --check with that PATH"

fresh
rm "$tree/.complete"
broken 'is half made: rm -r .*kernel fetch 6\.1' "a tree that was never finished"

# unpack COMMAND: kernel_unpack of made-up packages; COMMAND stands for depmod and what else prepares the modules.
unpack() {
	# shellcheck disable=SC2016
	run env VEX_ROOT="$ROOT" VEX_BUILD="$WORK/build" VEX_CACHE="$WORK/cache" bash -c '
		set -euo pipefail
		. "$VEX_ROOT/env/load.sh"
		run() {
			mkdir -p "$4"/{boot,usr/src/linux-headers-{1,1-common},usr/lib/linux-kbuild-1/scripts}
			: >"$4/boot/vmlinuz-1"
			echo "include /usr/src/linux-headers-1-common/Makefile" >"$4/usr/src/linux-headers-1/Makefile"
		}
		kernel_prepare_modules() { '"$1"'; }
		kernel_unpack 6.1 1 made-up.deb' x
}
rm -rf "$tree"
unpack 'return 127'
expect 127 "unpacking a kernel fails half way"
run ls "$tree"
expect 2 "nothing is there under the kernel's name"
unpack true
expect 0 "the next try unpacks it"
run cat "$tree/kdir/Makefile" "$tree/.complete"
says "include $tree/root/usr/src/linux-headers-1-common" "the headers point into the finished tree"
says " $tree/root\$" "which is marked as complete"
unpack 'return 1'
run cat "$tree/.complete"
expect 0 "an update that fails leaves the old tree"

# ---- what commands need -----------------------------------------------------------------------------------

# Nothing is installed by mistake: this apt-get and this sudo are found first.
mkdir "$WORK/stub" "$WORK/admin" "$WORK/cache"
: >"$WORK/admin/status"
printf '#!/bin/sh\necho "apt-get was called: $*"\nexit 99\n' >"$WORK/stub/apt-get"
printf '#!/bin/sh\nexec "$@"\n' >"$WORK/stub/sudo"
chmod +x "$WORK"/stub/*
: >"$WORK/disk"
: >"$WORK/key"

# bare COMMAND...: on a machine where dpkg knows of no package, in a checkout in which no kernel is built.
mkdir "$WORK/fresh"
tar -C "$ROOT" --exclude=./build --exclude=./.git -c . | tar -C "$WORK/fresh" -x
bare() {
	run env PATH="$WORK/stub:$PATH" DPKG_ADMINDIR="$WORK/admin" XDG_CACHE_HOME="$WORK/cache" DISPLAY=:0 "$WORK/fresh/vex" "$@"
}
# wants "PACKAGE..." COMMAND...: --no-install names these packages, all of them and no other.
wants() {
	local want=$1 got
	shift
	bare "$@"
	expect 6 "--no-install: $*"
	got=$(sed -n 's/.*vex: missing packages: \([^;]*\);.*/\1/p' "$WORK/out")
	report "$([[ " $(tr ' ' '\n' <<<"$got" | sort | paste -sd' ') " == " $(tr ' ' '\n' <<<"$want" | sort | paste -sd' ') " ]]; echo $?)" \
		"... names all it needs" "wanted: $want"
}
build="gcc libc6-dev make binutils libblkid-dev uuid-dev libjson-c-dev libxxhash-dev libunistring-dev"
kernel="gcc-12 libelf1 libssl3 kmod xz-utils"
guest="$build $kernel qemu-system-x86 busybox-static"
kbuild="bc bison flex libelf-dev libssl-dev cpio rsync zstd ccache"
image="mmdebstrap uidmap packer fdisk e2fsprogs debian-archive-keyring qemu-utils openssh-client"
wants "$guest" run --no-install
wants "$guest attr mandoc" shell --no-install
wants "$guest libcmocka-dev pkg-config" test --only host --kernel 6.1 --no-install
wants "$guest attr mandoc openssh-client dropbear-bin" shell --ssh-port auto --no-install
wants "$guest attr mandoc qemu-utils" shell --disk a=1M,format=qcow2 --no-install
wants "$guest attr mandoc qemu-system-gui" shell --graphical --no-install
wants "$guest attr mandoc qemu-utils openssh-client" shell --image --no-install
wants "$guest attr mandoc $kbuild" shell --kernel debug-6.1 --no-install
wants "$guest attr mandoc $kbuild mmdebstrap uidmap" shell --kernel rust-6.12 --no-install
wants "$guest attr mandoc mmdebstrap uidmap" shell --kernel backports --no-install
wants "$build $kernel mmdebstrap uidmap" kernel fetch backports --no-install
wants "$guest bpftrace" trace --no-install --bpf search-cost
wants "$guest linux-perf" perf --no-install true
wants "$guest gdb zstd" crash --no-install
wants "$build $kernel" build --no-install
wants "$build $kernel libcmocka-dev pkg-config" build --check --no-install
wants "$build $kernel clang-19" build --cc clang --no-install
wants "$build $kernel gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" build --arch arm64 --no-install
wants "$kernel make" kernel fetch 6.1 --no-install
wants "$kernel make" kernel check 6.1 --no-install
wants "$build $kernel $kbuild" kernel build debug-6.1 --no-install
wants "$build $kernel $kbuild mmdebstrap uidmap" kernel build rust-6.12 --no-install
wants "$build $kernel $kbuild mmdebstrap uidmap" kernel config rust-6.12 --edit true --no-install
wants "$guest $image" image build --no-install
wants "$guest $image openssl" image build --source installer --no-install
wants "$guest $image openssl libarchive-tools" image build --source installer --iso "$WORK/disk" --no-install
wants "$guest $image $kbuild" image build --kernel debug-6.1 --no-install
wants "$guest qemu-utils openssh-client" image validate "$WORK/disk" --key "$WORK/key" --no-install
wants "$guest qemu-utils openssh-client" image boot "$WORK/disk" --no-install
wants "openssh-client" ssh --no-install
wants "$build" bench vectors --no-install
wants "$guest" bench loop --no-install
mkdir "$WORK/bundle"
printf 'kernel=6.1\n' >"$WORK/bundle/info"
: >"$WORK/bundle/vmcore.zst"
wants "$build gdb zstd crash" crash open --batch "$WORK/key" --no-install "$WORK/bundle"
wants "$build gdb zstd" crash open --with gdb --batch "$WORK/key" --no-install "$WORK/bundle"

# A package is installed and its program cannot be found: one line, before anything is built.
rm -f "$WORK/bin/busybox"
run env PATH="$WORK/bin" "$VEX" shell -- true
expect 6 "a program is out of reach though its package is installed"
says "no program 'busybox' .*package busybox-static" "names program and package"

# commands CODE: the commands' own functions, with the stubs found first.
# shellcheck disable=SC2016	# the inner shell expands it
commands() {
	run env VEX_ROOT="$ROOT" VEX_BUILD="$WORK/build" VEX_CACHE="$WORK/cache" PATH="$WORK/stub:$PATH" WORK="$WORK" bash -c '
		set -euo pipefail
		. "$VEX_ROOT/env/load.sh"
		'"$1"
}
commands 'PATH=/nowhere; sfdisk -l'
expect 6 "a program that nobody asked for: the last net"
says "no program sfdisk on this machine: apt-get install fdisk" "names the package"
commands 'need made-up'
expect 6 "a command without a row in env/needs.list"

# Another apt holds the lock of the lists, twice, before it is our turn.
cat >"$WORK/stub/apt-get" <<'END'
#!/bin/bash
echo "$*" >>"$WORK/apt.calls"
n=$(wc -l <"$WORK/apt.calls")
if ((n <= ${LOCKED:-0})); then
	echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 94 (apt-get)"
	exit 100
fi
[[ $* != *install* ]] || touch "$WORK/installed"
END
cat >"$WORK/stub/dpkg-query" <<'END'
#!/bin/bash
[[ ! -e $WORK/installed ]] || echo "installed made-up"
END
chmod +x "$WORK/stub/dpkg-query"
LOCKED=2 commands 'export LOCKED; need_packages made-up'
expect 0 "another apt is at work: it is waited for"
says 'another apt is at work: waiting for it \(held by process 94 \(apt-get\)\)' "and named"
report $(($(wc -l <"$WORK/apt.calls") < 3)) "it was asked again"
rm -f "$WORK/apt.calls" "$WORK/installed"
LOCKED=99 commands 'export LOCKED; APT_PATIENCE=0; need_packages made-up'
expect 6 "one that does not end"
says 'could not install: made-up \(another apt has been at work' "is the reason that is given"
rm -f "$WORK/apt.calls" "$WORK/installed"
# shellcheck disable=SC2016
commands '(need_packages made-up) & (need_packages made-up) & wait'
expect 0 "two commands install at once"
report "$(($(grep -c install "$WORK/apt.calls") != 1))" "the second finds nothing left to do"
report "$(find "$WORK/build/log" -name 'apt-*[0-9].log' -size +0 | grep -q .; echo $((!$?)))" "each wrote a log of its own, or none"
rm -f "$WORK/stub/dpkg-query" "$WORK/apt.calls"

# Nothing changed is an answer, not a failure.
# shellcheck disable=SC2016
commands '. "$VEX_ROOT/env/cmd/kernel.sh"; printf "CONFIG_A=y\n" >"$WORK/a"; config_difference "$WORK/a" "$WORK/a"; echo same'
expect 0 "kernel config: a configuration without a difference"
# shellcheck disable=SC2016
commands '. "$VEX_ROOT/env/cmd/kernel.sh"; printf "CONFIG_A=y\n" >"$WORK/a"; printf "CONFIG_A=m\n" >"$WORK/b"; config_difference "$WORK/a" "$WORK/b"'
says '^CONFIG_A=m$' "and with one"

# What needs root is said before anything is built.
if ((EUID == 0)) && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$VEX"; then
	theirs=$(mktemp -d)	# below WORK no other user gets
	chown 65534:65534 "$theirs"
	run setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_CACHE_HOME="$theirs" "$VEX" shell --share /tmp
	expect 6 "--share by an ordinary user"
	says 'vex: --share: kernel 6\.1 shares by virtiofs only, which needs root' "says so"
	report "$(($(wc -l <"$WORK/out") != 1))" "and does nothing else"
	rm -rf "$theirs"
else
	skip "--share by an ordinary user" "needs root, and a checkout that others can read"
fi
commands 'VM_SHARE=/tmp VM_SHARE_BY=9p; vm_check_share 6.12'
expect 6 "--share-by 9p on a kernel that has none"

# A new checkout: what run and shell fetch themselves is not missing.
mkdir "$WORK/new"
cp -r "$ROOT"/{vex,env} "$WORK/new/"
run "$WORK/new/vex" doctor
expect 0 "doctor in a new checkout"
says 'absent +kernel 6\.1: fetched by the first command' "says what the first command fetches"

# ---- documents ---------------------------------------------------------------------------------------------

run bash -c 'diff <("$1" setup --table) <(sed -n "/^<!-- .\/vex setup --table/,/^<!-- end of table/p" "$2" | grep "^|")' x \
	"$VEX" "$ROOT/docs/toolchain.md"
expect 0 "docs/toolchain.md shows env/tools.list"

# Variables read by C, by shell, and by make: what is used and never set there, or set only by ?=.
cd "$ROOT" || exit 1
# shellcheck disable=SC2016	# patterns
vars=$({
	grep -rhoE 'getenv\("[A-Z_]+"\)' --include='*.c' --include='*.h' tools lib env tests | grep -oE '[A-Z_]{2,}'
	grep -rhoE '\$\{?VEX(FS)?_[A-Z_]+' vex env packaging .ci tests/env/imagelib.sh | tr -d '${'
	grep -rhoE '\$\{(XDG_[A-Z_]+|https?_proxy|no_proxy|CXX|TAP_DIR|TMPDIR):-' vex env packaging .ci bench tests/unit | tr -d '${:-'
	for f in Makefile env/Makefile kmod/Kbuild; do
		comm -23 <(grep -oE '\$\([A-Z_]+\)' "$f" | tr -d '$()' | sort -u) <(grep -oE '^[A-Z_]+[[:space:]]*:?=' "$f" | tr -d ' \t:=' | sort -u)
		grep -oE '^[A-Z_]+[[:space:]]*\?=' "$f" | tr -d ' \t?='
	done
} | sort -u)
table=$(sed -n '/^## Variables/,/^## /p' docs/environment.md |
	awk '/^\* / { on = 1; t = "" } on { t = t " " $0; if (t ~ /: /) { sub(/: .*/, "", t); print t; on = 0 } }')
missing=''
for v in $vars; do
	case $v in
	VEX_DISK_*) v=VEX_DISK_NAME ;;
	MAKE | CURDIR | VEXFS_VERSION | CONFIG_*) continue ;;
	esac
	grep -qF "\`$v\`" <<<"$table" || missing+=" $v"
done
if [[ -z $missing && $(wc -w <<<"$vars") -gt 30 ]]; then report 0 "docs/environment.md lists every variable"
else report 1 "docs/environment.md lists every variable"; printf '# missing:%s\n' "$missing"; fi
