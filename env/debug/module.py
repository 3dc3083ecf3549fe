# SPDX-License-Identifier: GPL-2.0-only
"""Symbols of the module under test where the guest has loaded it, for gdb.

The kernel tells where each section lies in struct module (what /sys/module/NAME/sections shows). Read at
do_init_module(), which runs before the module's own first instruction, and again after each reload; dropped in
free_module(), so that breakpoints wait for the next load. Needs no DWARF of the kernel and no script of its.

The session sets vex = dict(name=MODULE, module=FILE, build_id=HEX or "", kernel=FILE, kernel_id=HEX or "", batch=BOOL,
and for guests end=FILE, which the launcher writes when the guest has ended).
"""
import os
import struct
import sys
import time

import gdb

NAME = vex["name"]
WRONG_BUILD = 8     # exit code, see ./vex help exit-codes
IGNORED = (".text", ".symtab", ".strtab")


def say(text):
    gdb.write("[vex] %s\n" % text)
    gdb.flush()


def wrong_build(text):
    """Symbols of another build lie; a script must not go on with them."""
    say("WRONG BUILD: " + text)
    if vex["batch"]:
        sys.stdout.flush()
        os._exit(WRONG_BUILD)


def offset(typename, member):
    for f in gdb.lookup_type(typename).fields():
        if f.name == member:
            return f.bitpos // 8
    raise gdb.error("%s has no member %s" % (typename, member))


def learn_layout():
    """From the module's DWARF, read while it is gdb's only symbol file."""
    size = lambda t: gdb.lookup_type(t).sizeof
    # struct module_sect_attrs is private to kernel/module/sysfs.c: a group, a count, then one
    # { struct bin_attribute; unsigned long address } per section.
    vex["off"] = {
        "name": offset("struct module", "name"),
        "list": offset("struct module", "list"),
        "sect_attrs": offset("struct module", "sect_attrs"),
        "count": size("struct attribute_group"),
        "attrs": (size("struct attribute_group") + 4 + 7) // 8 * 8,
        "each": size("struct bin_attribute") + 8,
        "address": size("struct bin_attribute"),
    }


def read(addr, fmt):
    data = gdb.selected_inferior().read_memory(addr, struct.calcsize(fmt)).tobytes()
    return struct.unpack("<" + fmt, data)[0]


def read_string(addr, limit=64):
    data = gdb.selected_inferior().read_memory(addr, limit).tobytes()
    return data.split(b"\0")[0].decode("ascii", "replace")


def note_id(addr, length):
    """The GNU build id in a run of ELF notes."""
    data, pos = gdb.selected_inferior().read_memory(addr, length).tobytes(), 0
    while pos + 12 <= len(data):
        nsize, dsize, kind = struct.unpack_from("<III", data, pos)
        name = data[pos + 12:pos + 12 + nsize]
        start = pos + 12 + (nsize + 3) // 4 * 4
        if kind == 3 and name == b"GNU\0":
            return data[start:start + dsize].hex()
        pos = start + (dsize + 3) // 4 * 4
    return ""


def address_of(symbol):
    return int(gdb.parse_and_eval("(unsigned long)&%s" % symbol))


def check_kernel():
    """Called once connected: the running kernel against the symbol file. A kernel too young to have its
    memory mapped (stopped before its first instruction) is checked at the first module load."""
    if not vex["kernel_id"]:
        return
    try:
        start, stop = address_of("__start_notes"), address_of("__stop_notes")
        got = note_id(start, stop - start)
    except gdb.error:
        return
    if got and got != vex["kernel_id"]:
        wrong_build("the kernel in the guest has build id %s, the symbols in %s have %s; take the symbols of "
                    "that kernel (--kernel NAME)" % (got, vex["kernel"], vex["kernel_id"]))


def kgdb_lockdep_off():
    """kgdb writes its breakpoints in int3, with every other processor stopped; the page table lock it takes there is
    a lock in NMI context to lockdep, whose report would end the guest at the first breakpoint."""
    gdb.execute("set variable debug_locks = 0")
    say("lockdep is off in this guest: it takes kgdb's own breakpoints for a deadlock")


def kgdb_watchpoints():
    """kgdb's hardware breakpoints are perf events it never enables; perf_swevent_event() drops those since it looks
    at the state (6.1.192, 6.12.117: "event->state != PERF_EVENT_STATE_ACTIVE"), and no watchpoint would fire."""
    pointer = gdb.lookup_type("struct perf_event").pointer().pointer()
    active = int(gdb.parse_and_eval("PERF_EVENT_STATE_ACTIVE"))
    info = gdb.parse_and_eval("breakinfo")
    for i in range(info.type.range()[1] + 1):
        for cpu in range(int(gdb.parse_and_eval("nr_cpu_ids"))):
            at = int(info[i]["pev"]) + int(gdb.parse_and_eval("__per_cpu_offset[%d]" % cpu)) & (1 << 64) - 1
            state = gdb.Value(at).cast(pointer).dereference()["state"]
            gdb.selected_inferior().write_memory(int(state.address), struct.pack("<i", active))


def kgdb_forget(event):
    """After a watchpoint the processors' debug registers stay armed when kgdb takes it away (exc_debug_kernel()
    puts them back), and a task that hit it once (virtual_dr6) enters kgdb at each later hit, also without gdb."""
    # gdb's name for a SIGTRAP that is no breakpoint of its own: an event without a kind.
    if type(event) is not gdb.StopEvent:
        return
    at = offset("struct task_struct", "thread") + offset("struct thread_struct", "virtual_dr6")
    tasks = offset("struct task_struct", "tasks")
    head = address_of("init_task") + tasks
    node = head
    for _ in range(4096):
        gdb.selected_inferior().write_memory(node - tasks + at, bytes(8))
        node = read(node, "Q")
        if node == head:
            return


def prepare_kgdb():
    """What a session through kgdb needs changed in its guest."""
    gdb.events.stop.connect(kgdb_forget)
    Batch.kgdb = True
    for change in (kgdb_lockdep_off, kgdb_watchpoints):
        try:
            change()
        except gdb.error as e:
            say("%s: %s" % (change.__name__, e))


def sections(mod):
    off = vex["off"]
    base = read(mod + off["sect_attrs"], "Q")
    if not base:
        return {}
    found = {}
    for i in range(min(read(base + off["count"], "I"), 256)):
        attr = base + off["attrs"] + i * off["each"]
        found[read_string(read(attr, "Q"))] = read(attr + off["address"], "Q")
    return found


class Module:
    """Where the symbols are in gdb now."""
    text = None

    @classmethod
    def drop(cls):
        if cls.text is not None:
            gdb.execute("remove-symbol-file -a 0x%x" % cls.text, to_string=True)
            cls.text = None

    @classmethod
    def load(cls, mod):
        sec = sections(mod)
        if ".text" not in sec:
            say("the guest reports no section addresses of %s" % NAME)
            return False
        cls.drop()
        check_kernel()
        note = sec.get(".note.gnu.build-id")
        got = note_id(note, 36) if note else ""
        if vex["build_id"] and got and got != vex["build_id"]:
            wrong_build("the guest loaded a %s.ko with build id %s, %s has %s; rebuild, or give the one the "
                        "guest loads with --symbols FILE" % (NAME, got, vex["module"], vex["build_id"]))
            return False
        more = "".join(" -s %s 0x%x" % (n, a) for n, a in sorted(sec.items())
                       if n not in IGNORED)
        gdb.execute("add-symbol-file %s 0x%x%s" % (vex["module"], sec[".text"], more), to_string=True)
        cls.text = sec[".text"]
        say("symbols of %s.ko: .text at 0x%x, %d sections, build id %s" % (NAME, cls.text, len(sec), got or "unknown"))
        return True


class OnLoad(gdb.Breakpoint):
    def stop(self):
        mod = int(gdb.parse_and_eval("$rdi")) & (1 << 64) - 1
        if read_string(mod + vex["off"]["name"]) == NAME:
            Module.load(mod)
        return False


class OnFree(gdb.Breakpoint):
    def stop(self):
        mod = int(gdb.parse_and_eval("$rdi")) & (1 << 64) - 1
        if Module.text is not None and read_string(mod + vex["off"]["name"]) == NAME:
            Module.drop()
        return False


def find_module():
    """struct module of the loaded module, from the kernel's list; None."""
    head = address_of("modules")
    node, off = read(head, "Q"), vex["off"]
    for _ in range(4096):
        if node == head or not node:
            return None
        mod = node - off["list"]
        if read_string(mod + off["name"]) == NAME:
            return mod
        node = read(node, "Q")
    return None


class Reload(gdb.Command):
    """NAME-reload: look for the module in the guest and load its symbols there. Happens by itself when the
    module is loaded while gdb is attached; for a guest or dump that has it already."""

    def __init__(self):
        super().__init__(NAME + "-reload", gdb.COMMAND_FILES)

    def invoke(self, arg, from_tty):
        mod = find_module()
        if mod is None:
            Module.drop()
            say("%s is not loaded in the guest" % NAME)
        else:
            Module.load(mod)


def watch_module():
    """Breakpoints at exact addresses: the argument is still in rdi there."""
    for symbol, kind in (("do_init_module", OnLoad), ("free_module", OnFree)):
        kind("*0x%x" % address_of(symbol), internal=True)


class Batch(gdb.Command):
    """vex-batch FILE: run a script; its first error ends gdb with status 1, a lost guest with 5."""

    kgdb = False

    def __init__(self):
        super().__init__("vex-batch", gdb.COMMAND_RUNNING)

    def let_go(self):
        """gdb closes the line with its own "detach" before kgdb has read the acknowledgement; it waits for that
        for ever, and the guest with it."""
        gdb.execute("delete", to_string=True)
        if self.kgdb:
            gdb.execute("maintenance packet D", to_string=True)
            # Held until the guest has ended; whoever started gdb has the limit.
            while not os.path.exists(vex["end"]):
                time.sleep(0.05)
            gdb.execute("disconnect", to_string=True)
        else:
            gdb.execute("detach", to_string=True)

    def invoke(self, arg, from_tty):
        status = 0
        try:
            gdb.execute("source " + arg)
        except gdb.error as e:
            gone = not alive()
            say("the script failed: %s%s" % (e, "; the guest is gone" if gone else ""))
            status = 5 if gone else 1
        if alive():
            try:
                self.let_go()
            except gdb.error:
                pass
        gdb.execute("quit %d" % status)


def select_panicking():
    """In a dump: the processor that panicked, by what is on its stack."""
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        trace = gdb.execute("backtrace -frame-info short-location 24", to_string=True)
        if any(word in trace for word in (" panic (", "crash_kexec", "oops_", NAME + "_trigger")):
            return
    say("no processor of the dump shows a panic on its stack; \"info threads\" lists them")


def alive():
    try:
        return bool(gdb.selected_thread() and gdb.selected_thread().is_valid())
    except gdb.error:
        return False


Reload()
Batch()
