# SPDX-License-Identifier: GPL-2.0-only
"""VexFS in gdb: printers for its structures, and commands that find them.

gdb's extension language is Python; nothing else here is. Works on a live guest and on a dump, on
every kernel: only the module's own DWARF is used. "print/r EXPR" shows a structure raw.
"""
import gdb

BLOCK = 4096
MAGICS = {
    0x46584556: "superblock", 0x54444756: "group descriptors", 0x4D424256: "block bitmap",
    0x4D424956: "inode bitmap", 0x45444E56: "B+tree node", 0x52494456: "directory leaf",
    0x4B4C5356: "symlink target", 0x48504F56: "orphan table", 0x4C4F4356: "collection table",
    0x544C5356: "slot table",
}


def vtype(name):
    return gdb.lookup_type(name)


def raw(array):
    """The bytes of a char array."""
    lo, hi = array.type.range()
    return bytes(int(array[i]) & 0xFF for i in range(lo, hi + 1))


def text_of(array):
    return raw(array).split(b"\0")[0].decode("utf-8", "replace")


def uuid_of(array):
    h = raw(array).hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def container_of(ptr, typename, member):
    ty = vtype(typename)
    for f in ty.fields():
        if f.name == member:
            at = int(ptr) - f.bitpos // 8
            return gdb.Value(at).cast(ty.pointer())
    raise gdb.GdbError("%s has no member %s" % (typename, member))


def hlist(head, typename, member):
    node = head["first"]
    while int(node):
        yield container_of(node, typename, member)
        node = node["next"]


def extent_of(key, val):
    """A leaf record of an extent tree, see VEXFS_EXT_* in include/vexfs/ondisk.h."""
    first, length = val & ((1 << 44) - 1), (val >> 44) & 0xFFFF
    return "%d+%d -> %d%s%s" % (key, length, first, " unwritten" if val >> 60 & 1 else "",
                                " shared" if val >> 61 & 1 else "")


# ---- printers ---------------------------------------------------------------------


class Line:
    """A structure that one line says all about."""

    def __init__(self, value):
        self.v = value


class Summary(Line):
    """A line that says what it is, then the fields as they are."""

    def children(self):
        for f in self.v.type.fields():
            if f.name:
                yield f.name, self.v[f]


class SuperBlock(Summary):
    """struct vexfs_super_block, on disk"""

    def to_string(self):
        v = self.v
        return "superblock %s label \"%s\" uuid %s, %d blocks in %d groups%s" % (
            "ok" if int(v["s_magic"]) == 0x46584556 else "WITH WRONG MAGIC",
            text_of(v["s_label"]), uuid_of(v["s_uuid"]), int(v["s_blocks"]), int(v["s_groups"]),
            ", ERROR STATE" if int(v["s_state"]) & 1 else "")

    def children(self):
        for f in self.v.type.fields():
            if f.name == "s_uuid":
                yield f.name, uuid_of(self.v[f])
            elif f.name in ("s_label", "s_error_what"):
                yield f.name, text_of(self.v[f])
            elif f.name != "s_reserved":
                yield f.name, int(self.v[f])


class SbInfo(Summary):
    """struct vexfs_sb_info, of a mount"""

    def to_string(self):
        v = self.v
        return "vexfs on %s: free %d blocks, %d inodes (approximately)%s%s" % (
            text_of(v["sb"]["s_id"]), int(v["free_blocks"]["count"]), int(v["free_inodes"]["count"]),
            ", SHUT DOWN" if int(v["flags"]) & 1 else "",
            ", %d errors" % int(v["err_count"]) if int(v["err_count"]) else "")


class InodeInfo(Summary):
    """struct vexfs_inode_info"""

    def to_string(self):
        i = self.v["vfs_inode"]
        return "vexfs inode %d mode 0%o links %d size %d on disk %d" % (
            int(i["i_ino"]), int(i["i_mode"]), int(i["i_nlink"]), int(i["i_size"]), int(self.v["disksize"]))

    HIDDEN = ("data_sem", "lock", "ioend_lock", "ioends", "ioend_work")

    def children(self):
        for f in self.v.type.fields():
            if f.name == "vfs_inode":
                yield f.name, self.v[f].address
            elif f.name == "links":
                names = [self.v[f][i] for i in range(8)]
                yield f.name, ", ".join("0x%x in directory %d" % (int(n["l_hash"]), int(n["l_parent"]))
                                        for n in names if int(n["l_parent"]))
            elif not f.name:
                mode = int(self.v["vfs_inode"]["i_mode"])
                if mode & 0o170000 in (0o100000, 0o040000):
                    yield "root", self.v["root"]
            elif f.name not in self.HIDDEN:
                yield f.name, self.v[f]


class Root(Summary):
    """struct vexfs_btree_root: extents of a file, or children"""

    def to_string(self):
        return "tree of level %d, %d records, %d blocks" % (
            int(self.v["r_level"]), int(self.v["r_count"]), int(self.v["r_blocks"]))

    def children(self):
        level = int(self.v["r_level"])
        for i in range(min(int(self.v["r_count"]), 8)):
            rec = self.v["r_recs"][i]
            key, val = int(rec["key"]), int(rec["val"])
            yield "[%d]" % i, "key 0x%x -> block %d" % (key, val) if level else extent_of(key, val)


class Extent(Line):
    """struct vexfs_extent, unpacked"""

    def to_string(self):
        v = self.v
        if not int(v["pblk"]):
            return "hole %d+%d" % (int(v["lblk"]), int(v["len"]))
        return "extent %d+%d -> %d%s" % (int(v["lblk"]), int(v["len"]), int(v["pblk"]),
                                         " unwritten" if int(v["flags"]) >> 60 & 1 else "")


class MdHeader(Line):
    """struct vexfs_mdhdr, the start of a metadata block"""

    def to_string(self):
        v = self.v
        magic = int(v["h_magic"])
        return "%s, block %d of owner %d, level %d, %d entries, %d bytes" % (
            MAGICS.get(magic, "UNKNOWN magic 0x%x" % magic), int(v["h_blkno"]), int(v["h_owner"]),
            int(v["h_level"]), int(v["h_count"]), int(v["h_bytes"]))


class BufferHead(Line):
    """struct buffer_head, with what VexFS keeps in it"""

    BITS = ("uptodate", "dirty", "lock", "req", "mapped", "new")

    def to_string(self):
        v = self.v
        state = int(v["b_state"])
        words = [w for i, w in enumerate(self.BITS) if state >> i & 1]
        what = ""
        if int(v["b_data"]) and int(v["b_size"]) == BLOCK:
            try:
                magic = int(v["b_data"].cast(vtype("unsigned int").pointer()).dereference())
                what = ", " + MAGICS[magic] if magic in MAGICS else ""
            except gdb.MemoryError:
                what = ", data not readable"
        return "buffer of block %d (%s)%s, %d references" % (
            int(v["b_blocknr"]), " ".join(words), what, int(v["b_count"]["counter"]))


class Handle(Line):
    """handle_t of jbd2"""

    def to_string(self):
        v = self.v
        return "handle, %d credits left, nested %d%s" % (
            int(v["h_total_credits"]), int(v["h_ref"]), ", ABORTED" if int(v["h_aborted"]) else "")


PRINTERS = {
    "vexfs_super_block": SuperBlock, "vexfs_sb_info": SbInfo, "vexfs_inode_info": InodeInfo,
    "vexfs_btree_root": Root, "vexfs_extent": Extent, "vexfs_mdhdr": MdHeader,
    "buffer_head": BufferHead, "jbd2_journal_handle": Handle,
}


def lookup_printer(value):
    ty = value.type.strip_typedefs()
    if ty.code != gdb.TYPE_CODE_STRUCT or ty.tag not in PRINTERS:
        return None
    return PRINTERS[ty.tag](value)


lookup_printer.__name__ = "vexfs"
gdb.pretty_printers = [p for p in gdb.pretty_printers if getattr(p, "__name__", "") != "vexfs"]
gdb.pretty_printers.append(lookup_printer)


# ---- finding things ------------------------------------------------------------------


def mounts():
    """struct super_block * of every mounted VexFS."""
    try:
        fst = gdb.parse_and_eval("vexfs_fs_type")
    except gdb.error:
        raise gdb.GdbError("no symbols of the module yet: it is not loaded in the guest (vexfs-reload)")
    return list(hlist(fst["fs_supers"], "struct super_block", "s_instances"))


def sb_info(sb):
    return sb["s_fs_info"].cast(vtype("struct vexfs_sb_info").pointer())


def inodes(sb):
    head = sb["s_inodes"].address
    node = sb["s_inodes"]["next"]
    while int(node) != int(head):
        yield container_of(node, "struct inode", "i_sb_list")
        node = node["next"]


class SbFunction(gdb.Function):
    """$vexfs_sb([N]): struct vexfs_sb_info * of the N-th mounted VexFS, the first without N."""

    def __init__(self):
        super().__init__("vexfs_sb")

    def invoke(self, n=0):
        found = mounts()
        if int(n) >= len(found):
            raise gdb.GdbError("%d VexFS mounted" % len(found))
        return sb_info(found[int(n)])


class InodeFunction(gdb.Function):
    """$vexfs_inode(WHAT): struct vexfs_inode_info * of a struct inode *, or of an inode number in core."""

    def __init__(self):
        super().__init__("vexfs_inode")

    def invoke(self, what):
        if what.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            return container_of(what, "struct vexfs_inode_info", "vfs_inode")
        for sb in mounts():
            for i in inodes(sb):
                if int(i["i_ino"]) == int(what):
                    return container_of(i, "struct vexfs_inode_info", "vfs_inode")
        raise gdb.GdbError("inode %d is not in memory" % int(what))


class SbCommand(gdb.Command):
    """vexfs-sb: every mounted VexFS: its superblock and its state in memory."""

    def __init__(self):
        super().__init__("vexfs-sb", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        found = mounts()
        if not found:
            print("no VexFS is mounted")
        for sb in found:
            sbi = sb_info(sb)
            print("%s\n  %s\n  (struct vexfs_sb_info *) 0x%x" % (
                SbInfo(sbi.dereference()).to_string(),
                SuperBlock(sbi["es"].dereference()).to_string(), int(sbi)))


class InodesCommand(gdb.Command):
    """vexfs-inodes: the inodes in memory of every mounted VexFS."""

    def __init__(self):
        super().__init__("vexfs-inodes", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        for sb in mounts():
            for i in inodes(sb):
                vi = container_of(i, "struct vexfs_inode_info", "vfs_inode")
                print("0x%x %s" % (int(vi), InodeInfo(vi.dereference()).to_string()))


SbFunction()
InodeFunction()
SbCommand()
InodesCommand()
