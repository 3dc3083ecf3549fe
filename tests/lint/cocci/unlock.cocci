// SPDX-License-Identifier: GPL-2.0-only
/// A lock that this function took is released on every path out of it.
virtual report

@r exists@
expression l;
position p, q;
identifier lock =~ "^(mutex_lock|spin_lock|down_read|down_write|inode_lock|inode_lock_shared|filemap_invalidate_lock)$";
identifier unlock =~ "^(mutex_unlock|spin_unlock|up_read|up_write|inode_unlock|inode_unlock_shared|filemap_invalidate_unlock)$";
@@
lock@p(l);
... when != unlock(l)
return@q ...;

@ok exists@
expression r.l;
identifier r.lock;
position r.p;
identifier unlock2 =~ "^(mutex_unlock|spin_unlock|up_read|up_write|inode_unlock|inode_unlock_shared|filemap_invalidate_unlock)$";
@@
lock@p(l);
... when any
unlock2(l);

@script:python depends on report && ok@
p << r.p;
q << r.q;
@@
coccilib.report.print_report(q[0], "unlock: the lock of line %s is still held" % p[0].line)
