// SPDX-License-Identifier: GPL-2.0-only
/// A handle that vexfs_start() gave is given to vexfs_stop() on every path, else the journal never commits again.
virtual report

@r exists@
identifier h;
type T;
expression E;
position p, q;
statement S;
@@
(
T h = vexfs_start@p(...);
|
h = vexfs_start@p(...);
)
... when any
    when != vexfs_stop(h)
    when != h = E
if (IS_ERR(h)) S
... when any
    when != vexfs_stop(h)
    when != h = E
(
return <+... vexfs_stop(h) ...+>;
|
return@q ...;
)

@script:python depends on report@
p << r.p;
q << r.q;
@@
coccilib.report.print_report(q[0], "handle: the handle of line %s is not stopped" % p[0].line)
