# SPDX-License-Identifier: GPL-2.0-only
"""Backtraces through a kernel without DWARF, for gdb: the kernel's own ORC tables, read from its memory.

Stock kernels have no frame pointers and their debug packages weigh gigabytes, but every one carries the
tables its own backtraces are made with (arch/x86/include/asm/orc_types.h). They say for each address where
the caller's frame is, and where rbp and, at an exception, all registers were saved. rbx and r12 to r15 they do not
know: a variable that lives in one of them shows as not saved in frames above a kernel function.
"""
import struct

import gdb
from gdb.unwinder import Unwinder, register_unwinder

UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT = range(10)
CALL, REGS, REGS_PARTIAL = "call", "regs", "partial"
# pt_regs from r15 up; the last five are what the processor pushes.
PT_REGS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
           "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss")


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


def load(addr, fmt):
    data = gdb.selected_inferior().read_memory(addr, struct.calcsize(fmt)).tobytes()
    return struct.unpack("<" + fmt, data)[0]


def symbol(name):
    return int(gdb.parse_and_eval("(unsigned long)&%s" % name))


class Tables:
    """The pair of sorted tables; None of it is kept, so that a dump and a live guest serve alike."""

    def __init__(self):
        self.ip, self.end = symbol("__start_orc_unwind_ip"), symbol("__stop_orc_unwind_ip")
        self.entries = symbol("__start_orc_unwind")
        self.text = (symbol("_stext"), symbol("_etext"))
        # 6.4 moved the types up by two; any ordinary function's first entry tells which it is.
        self.old = self.bits(self.index(symbol("do_init_module")))[2] >> 8 & 7 == 0

    def at(self, i):
        addr = self.ip + 4 * i
        return addr + load(addr, "i")

    def index(self, pc):
        lo, hi = 0, (self.end - self.ip) // 4 - 1
        while lo < hi:
            mid = (lo + hi + 1) // 2
            if self.at(mid) <= pc:
                lo = mid
            else:
                hi = mid - 1
        return lo

    def bits(self, i):
        data = gdb.selected_inferior().read_memory(self.entries + 6 * i, 6).tobytes()
        return struct.unpack("<hhH", data)

    def find(self, pc):
        """(sp_offset, bp_offset, sp_reg, bp_reg, type) or None."""
        if not self.text[0] <= pc < self.text[1]:
            return None
        spo, bpo, bits = self.bits(self.index(pc))
        kind = bits >> 8 & (3 if self.old else 7)
        names = {0: CALL, 1: REGS, 2: REGS_PARTIAL} if self.old else {2: CALL, 3: REGS, 4: REGS_PARTIAL}
        if kind not in names or bits & 15 == UNDEFINED:
            return None
        return spo, bpo, bits & 15, bits >> 4 & 15, names[kind]


def pushed_rbp(start):
    """Where the function at start saves rbp, relative to its CFA: by the pushes it begins with; None: it leaves rbp alone."""
    code = gdb.selected_inferior().read_memory(start, 64).tobytes()
    pos, pushes = 0, 0
    for skip in (b"\xf3\x0f\x1e\xfa", b"\x0f\x1f\x44\x00\x00"):     # endbr64; room for ftrace's call
        if code.startswith(skip, pos):
            pos += len(skip)
    while pos < 48:
        wide = code[pos] == 0x41
        if not 0x50 <= code[pos + wide] <= 0x57:
            return None
        pushes += 1
        if code[pos] == 0x55:
            return -8 * (pushes + 1)
        pos += 1 + wide
    return None


class OrcUnwinder(Unwinder):
    def __init__(self):
        super().__init__("vexfs-orc")
        self.tables = None
        self.u64 = gdb.lookup_type("unsigned long")

    def register(self, frame, name):
        return int(frame.read_register(name)) & (1 << 64) - 1

    def base(self, frame, reg):
        direct = {DX: "rdx", DI: "rdi", BP: "rbp", BP_INDIRECT: "rbp", SP: "rsp", SP_INDIRECT: "rsp",
                  R10: "r10", R13: "r13"}
        return self.register(frame, direct[reg]) if reg in direct else None

    def __call__(self, frame):
        try:
            if self.tables is None:
                self.tables = Tables()
            return self.unwind(frame)
        except (gdb.error, struct.error, KeyError):
            return None     # memory that is not there (yet): gdb's own guess is as good

    def unwind(self, frame):
        pc = self.register(frame, "rip")
        # A return address may belong to the next function already: what counts is the call before it.
        e = self.tables.find(pc if frame.level() == 0 else pc - 1)
        if e is None:
            return self.by_caller(frame, pc)
        sp_offset, bp_offset, sp_reg, bp_reg, kind = e
        cfa = self.base(frame, sp_reg)
        if cfa is None:
            return None
        if sp_reg == SP_INDIRECT:
            cfa = load(cfa, "Q") + sp_offset
        else:
            cfa += sp_offset
            if sp_reg == BP_INDIRECT:
                cfa = load(cfa, "Q")
        info = frame.create_unwind_info(FrameId(gdb.Value(cfa), gdb.Value(pc)))
        values = self.interrupted(cfa, kind) if kind != CALL else self.called(cfa, bp_reg, bp_offset, frame)
        for name, value in values.items():
            info.add_saved_register(name, gdb.Value(value).cast(self.u64))
        return info

    def by_caller(self, frame, pc):
        """For the few functions without entries (__crash_kexec, the first frame of every dump, is one): the
        return address is the first word on the stack that follows a call of this very function."""
        if not self.tables.text[0] <= pc < self.tables.text[1]:
            return None
        name, _, rest = gdb.execute("info symbol 0x%x" % pc, to_string=True).partition(" ")
        offset = int(rest.split()[1]) if rest.startswith("+ ") else 0
        start, sp = pc - offset, self.register(frame, "rsp")
        here = 4096 - sp % 4096     # the next page may not be the stack's any more
        stack = struct.unpack("<%dQ" % (here // 8), gdb.selected_inferior().read_memory(sp, here // 8 * 8).tobytes())
        for i, word in enumerate(stack):
            if not self.tables.text[0] <= word < self.tables.text[1] or load(word - 5, "B") != 0xE8:
                continue
            if word + load(word - 4, "i") != start:
                continue
            cfa = sp + 8 * i + 8
            regs = {"rip": word, "rsp": cfa}
            bp = pushed_rbp(start)
            regs["rbp"] = self.register(frame, "rbp") if bp is None else load(cfa + bp, "Q")
            info = frame.create_unwind_info(FrameId(gdb.Value(cfa), gdb.Value(pc)))
            for reg, value in regs.items():
                info.add_saved_register(reg, gdb.Value(value).cast(self.u64))
            return info
        return None

    def called(self, cfa, bp_reg, bp_offset, frame):
        bp = self.register(frame, "rbp")
        if bp_reg == PREV_SP:
            bp = load(cfa + bp_offset, "Q")
        elif bp_reg == BP:
            bp = load(bp + bp_offset, "Q")
        return {"rip": load(cfa - 8, "Q"), "rsp": cfa, "rbp": bp}

    def interrupted(self, at, kind):
        names = PT_REGS if kind == REGS else PT_REGS[16:]
        regs = {n: load(at + 8 * i, "Q") for i, n in enumerate(names)}
        return {n: regs[n] for n in regs if n not in ("orig_rax", "cs", "ss", "eflags")}


register_unwinder(None, OrcUnwinder(), replace=True)
