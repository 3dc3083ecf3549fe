// SPDX-License-Identifier: GPL-2.0-only
/// A buffer that sb_bread(), vexfs_md_read() or vexfs_md_create() gave is released, stored or handed on, on every path.
virtual report

@r exists@
local idexpression struct buffer_head *bh;
expression E, E2;
identifier err =~ "^(err|ret|error)$";
constant C;
position p, q;
statement S;
@@
bh = \(sb_bread@p\|sb_getblk@p\|vexfs_md_read@p\|vexfs_md_create@p\)(...);
... when any
    when != brelse(bh)
    when != bh = E
if (\(IS_ERR(bh)\|!bh\)) S
... when any
    when != \(brelse\|bforget\|put_bh\)(bh)
    when != bh = E
    when != E2 = bh
    when != vexfs_kio_pin(..., bh)
    when != return bh;
return@q \(C\|-C\|err\|PTR_ERR(E)\);

@script:python depends on report@
p << r.p;
q << r.q;
@@
coccilib.report.print_report(q[0], "brelse: the buffer of line %s is not released" % p[0].line)
