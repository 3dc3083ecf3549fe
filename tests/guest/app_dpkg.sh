#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:1536M mem=1G time=1200 full
# A Debian on VexFS: a root is copied there, and dpkg and apt install, upgrade and remove in it.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 6
app "a root is copied to VexFS" <<'END'
mkdir r
tar -C / --one-file-system --xattrs --xattrs-include='*' --acls --exclude=./tmp --exclude=./mnt --exclude=./proc --exclude=./sys \
	--exclude=./dev --exclude=./run --exclude=./root/step -cf - . | tar -C r --xattrs --xattrs-include='*' --acls -xpf -
mkdir -p r/proc r/dev r/tmp r/run r/mnt r/sys
mount -t proc proc r/proc
mount --rbind /dev r/dev
chroot r dpkg --verify | grep -v ' /usr/share/\(doc\|man\|locale\)/\| /var/lib/apt/lists/partial$' | tee /tmp/verify
test ! -s /tmp/verify
END
app "dpkg builds, installs and upgrades packages" <<'END'
mount -t proc proc r/proc; mount --rbind /dev r/dev
for v in 1 2; do
	mkdir -p r/tmp/p$v/DEBIAN r/tmp/p$v/etc r/tmp/p$v/usr/lib/vt
	printf 'Package: vt\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: test\n' $v >r/tmp/p$v/DEBIAN/control
	echo /etc/vt.conf >r/tmp/p$v/DEBIAN/conffiles
	echo "v$v" >r/tmp/p$v/etc/vt.conf
	for i in $(seq 300); do echo "$v $i" >r/tmp/p$v/usr/lib/vt/$i; done
	chroot r dpkg-deb -b --root-owner-group /tmp/p$v /tmp/vt_$v.deb
done
chroot r dpkg -i /tmp/vt_1.deb
test "$(cat r/usr/lib/vt/300)" = "1 300"
chroot r dpkg -i /tmp/vt_2.deb
test "$(cat r/usr/lib/vt/300)" = "2 300"
test "$(cat r/etc/vt.conf)" = v2
test -z "$(chroot r dpkg --verify vt)"
END
app "apt removes and installs" <<'END'
mount -t proc proc r/proc; mount --rbind /dev r/dev
export DEBIAN_FRONTEND=noninteractive
chroot r apt-get -y -q purge vt
test ! -e r/usr/lib/vt -a ! -e r/etc/vt.conf
chroot r apt-get -y -q install /tmp/vt_2.deb
test -z "$(chroot r dpkg --verify vt)"
chroot r apt-get -y -q purge stress-ng
test ! -e r/usr/bin/stress-ng
END
app "programs of that root run" <<'END'
mount -t proc proc r/proc; mount --rbind /dev r/dev
chroot r sh -c 'perl -MJSON::PP -e "print 1" && git --version && ldconfig && update-alternatives --version >/dev/null'
END
app "and it is removed" <<'END'
rm -rf r
test -z "$(find . -mindepth 1 | head -n 1)"
END
app_end
