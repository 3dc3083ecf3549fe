#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:256M mem=1G time=300 full
# overlayfs with lower and upper directory on VexFS: as root with every option containers use, and as an unprivileged
# user in a user name space.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 6
app "a tree to lie below" <<'END'
mkdir -p lower/a/b/c lower/gone lower/opaque/old lower/moved/deep upper work merged
for i in $(seq 50); do echo "lower $i" >lower/a/b/c/f$i; done
setfattr -n user.k -v v lower/a/b/c/f1
setfacl -m u:postgres:rw lower/a/b/c/f2
ln lower/a/b/c/f3 lower/a/b/c/f3.link
ln -s f4 lower/a/b/c/sym
echo x >lower/moved/deep/x
END
app "copy up, whiteout, opaque, rename of directories" <<'END'
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=on,index=on,metacopy=on,xino=on o merged
echo more >>merged/a/b/c/f1
test "$(getfattr --only-values -n user.k merged/a/b/c/f1)" = v
chmod 600 merged/a/b/c/f2
getfacl -p merged/a/b/c/f2 | grep -q '^user:postgres:rw-'
echo y >>merged/a/b/c/f3
cmp merged/a/b/c/f3 merged/a/b/c/f3.link
rm -r merged/gone merged/opaque
mkdir merged/opaque
test -z "$(ls merged/opaque)"
mv merged/moved merged/away
test "$(cat merged/away/deep/x)" = x
test -c upper/gone
getfattr -n trusted.overlay.redirect upper/away >/dev/null
getfattr -n trusted.overlay.opaque upper/opaque >/dev/null
mv merged/a/b/c/f5 merged/a/b/c/f6
test ! -e merged/a/b/c/f5
umount merged
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=on,index=on,metacopy=on,xino=on o merged
test "$(cat merged/away/deep/x)" = x
test ! -e merged/gone -a ! -e merged/a/b/c/f5
test "$(cat merged/a/b/c/f1)" = "lower 1
more"
test "$(cat lower/a/b/c/f1)" = "lower 1"
umount merged
END
app "the upper directory lacks nothing that overlayfs asks for" <<'END'
dmesg | grep 'overlayfs: upper fs' | tee /tmp/o
test ! -s /tmp/o
END
app "an unprivileged user's overlay" <<'END'
mkdir u
chown postgres u
setpriv --reuid postgres --regid postgres --clear-groups unshare -Urm bash -ec 'cd u
	mkdir lower upper work merged lower/d
	echo x >lower/d/x
	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr o merged
	rm -r merged/d
	mkdir merged/d
	echo y >merged/d/y
	test "$(ls merged/d)" = y
	umount merged
	getfattr -n user.overlay.opaque upper/d >/dev/null'
END
app "many files through an overlay" <<'END'
mkdir up2 work2
mount -t overlay -o lowerdir=lower,upperdir=up2,workdir=work2 o merged
cp -r /usr/share/perl5 merged/p
diff -r /usr/share/perl5 merged/p
rm -rf merged/p merged/a
test ! -e merged/a
umount merged
END
app_end
