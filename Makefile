# SPDX-License-Identifier: GPL-2.0
#
#   make                          tools          -> build/bin
#   make check                    host unit tests under ASan and UBSan
#   make modules KDIR=... [MODOUT=...]           -> $(MODOUT)/vexfs.ko
#        VEXFS_DEBUG=1: with faults on demand (debugfs) and KUnit suites
#        VEXFS_WERROR=0: warnings of the compiler are only shown
#   make guest                    static tools and guest tests -> build/guest
#   make install DESTDIR=...      tools, libvexfs, header, man pages
#   make fuzz                     mutate metadata blocks through core's decoders, models through their readers
#   make build/fuzz_image         whole images through fsck, dump and core: see ./vex fuzz
#   make lint                     the checks of ./vex lint
#   make clean
#
# For another architecture: make ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- [modules KDIR=...]; build/ then is
# build/arm64/. make CC=clang builds by clang (BUILD=build/clang keeps it apart). Every variable: docs/environment.md.

VERSION := 0.1.0
MAKEFLAGS += --no-print-directory

# make splits words at white space, and shells read what it passes on.
odd-path = $(if $(filter-out 1,$(words x$(2)x)),$(error $(1): make cannot build in a path with white space: '$(2)'))
$(call odd-path,the checkout's directory,$(CURDIR))
$(foreach v,BUILD MODOUT KDIR,$(call odd-path,$v,$($v)))
# From the caller's environment: it would change what scripts print, and where kbuild builds.
unexport CDPATH POSIXLY_CORRECT BASH_ENV ENV GREP_OPTIONS GREP_COLOR TAR_OPTIONS KBUILD_OUTPUT KBUILD_EXTMOD KBUILD_SRC \
	KERNELRELEASE INSTALL_MOD_PATH LOCALVERSION

# Short lines; make V=1 prints whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' "$(1)" "$@")

PREFIX ?= /usr/local
KDIR ?= /lib/modules/$(shell uname -r)/build
# Only where the caller has no wish of his own; make's built-in CC is no wish.
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)$(if $(CROSS_COMPILE),gcc,cc)
endif
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter -Werror
CPPFLAGS += -I. -Iinclude -Iinclude/uapi -Ilib -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DVEXFS_VERSION_STRING='"$(VERSION)"'
CFLAGS_ALL := -std=gnu11 $(WARN) $(OPT) $(CFLAGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

ifneq ($(origin BUILD),command line)
BUILD := build$(addprefix /,$(if $(CROSS_COMPILE),$(or $(ARCH),cross)))
endif
B := $(BUILD)
CORE_SRC := $(wildcard core/*.c)
LIB_SRC := $(wildcard lib/*.c)
TOOLS := mkfs.vexfs fsck.vexfs tune.vexfs dump.vexfs vexctl
src-mkfs.vexfs := $(wildcard tools/mkfs/*.c)
src-fsck.vexfs := $(wildcard tools/fsck/*.c)
src-tune.vexfs := $(wildcard tools/tune/*.c)
src-dump.vexfs := $(wildcard tools/dump/*.c)
src-vexctl := $(wildcard tools/vexctl/*.c)
# Loads libcurl when it is needed, which static programs cannot.
src-dynamic := tools/vexctl/http_curl.c
LIBS := -lblkid -luuid -ljson-c -lxxhash -lunistring -lm -ldl -pthread

# core's SIMD units choose their instruction set themselves, file by file; those of another architecture are empty.
target := $(shell $(CC) -dumpmachine 2>/dev/null)
simd-flags = $(if $(findstring x86_64,$(target)),$(simd-x86),$(if $(findstring aarch64,$(target)),$(simd-arm64)))
simd-arm64 = $(if $(findstring vec_neondot,$<),-march=armv8.2-a+dotprod)
simd-avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512vnni -mprefer-vector-width=512
simd-x86 = $(if $(findstring vec_avx512,$<),-fsigned-char -mavx2 -mfma $(simd-avx512),)$(if $(findstring vec_avx2,$<),-fsigned-char -mavx2 -mfma -mf16c,$(if $(findstring vec_sse2,$<),-fsigned-char -msse2,))

.PHONY: all bench-embed check guest modules install clean fuzz lint FORCE
.DELETE_ON_ERROR:
all: $(addprefix $(B)/bin/,$(TOOLS)) $(B)/libvexfs.a

# ---- objects: build/obj for use, build/asan for tests -------------------------
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(simd-flags) -MMD -MP -c $< -o $@
$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC asan)
	$(Q)$(CC) $(CPPFLAGS) -DVEXFS_UNIT $(CFLAGS_ALL) $(SANITIZE) $(simd-flags) -MMD -MP -c $< -o $@

LIB_OBJ := $(patsubst %.c,%.o,$(CORE_SRC) $(LIB_SRC))
$(B)/libvexfs.a: $(addprefix $(B)/obj/,$(LIB_OBJ))
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/asan/libvexfs.a: $(addprefix $(B)/asan/,$(LIB_OBJ))
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define tool-rules
$(B)/bin/$(1): $(patsubst %.c,$(B)/obj/%.o,$(src-$(1))) $(B)/libvexfs.a
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
$(B)/guest/bin/$(1): $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(src-dynamic),$(src-$(1)))) $(B)/libvexfs.a
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(CFLAGS_ALL) -static -Wl,--strip-debug $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool-rules,$(t))))

# ---- guest tests: static, one program per tests/guest/*.c -----------------------
GUEST_TESTS := $(patsubst tests/guest/%.c,$(B)/guest/tests/%,$(wildcard tests/guest/*.c))
$(B)/guest/tests/%: $(B)/obj/tests/guest/%.o $(B)/libvexfs.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) -static -Wl,--strip-debug $(LDFLAGS) -o $@ $^ $(LIBS)
guest: $(addprefix $(B)/guest/bin/,$(TOOLS)) $(GUEST_TESTS)

# ---- power cuts: the program that records a run in a guest, the one that judges it -------
CRASH_MODEL := $(addprefix tests/crash/,model.c choose.c sequence.c)
$(B)/guest/crash/record: $(patsubst %.c,$(B)/obj/%.o,tests/crash/record.c $(CRASH_MODEL)) $(B)/libvexfs.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) -static -Wl,--strip-debug $(LDFLAGS) -o $@ $^ $(LIBS)
CRASH_CHECK := $(filter-out tests/crash/record.c,$(wildcard tests/crash/*.c)) $(filter-out %/main.c,$(src-fsck.vexfs))
$(B)/crash/check: $(patsubst %.c,$(B)/obj/%.o,$(CRASH_CHECK)) $(B)/libvexfs.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)
.PHONY: crash
crash: $(B)/guest/crash/record $(B)/crash/check

# ---- benchmark of embedders: vexctl on the tests' model of the kernel -----------------
bench-embed: $(B)/bench/embed $(B)/bench/judge
$(B)/bench/judge: $(B)/obj/bench/embed/judge.o $(B)/libvexfs.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bench/embed: $(B)/obj/bench/embed/bench.o $(patsubst %.c,$(B)/obj/%.o,$(filter-out %/main.c,$(src-vexctl))) $(B)/libvexfs.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

# ---- host unit tests --------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_HELP := $(patsubst %.c,$(B)/asan/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
# Tests of a tool link the tool's objects but its main().
unit-extra-test_mkfs := $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(src-mkfs.vexfs)))
unit-extra-test_tune := $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(src-tune.vexfs)))
unit-extra-test_populate := $(unit-extra-test_mkfs)
unit-extra-test_fsck := $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(src-fsck.vexfs)))
unit-extra-test_fsck_repair := $(unit-extra-test_fsck)
unit-extra-test_erased := $(unit-extra-test_fsck)
# The parsers of the environment.
unit-extra-test_tap := $(B)/asan/env/proto/tap.o
unit-link-test_populate := -Wl,--wrap=ioctl
unit-link-test_fsck := -Wl,--wrap=vexfs_dev_read
unit-link-test_tune := -Wl,--wrap=vexfs_dev_write
unit-link-test_erased := -Wl,--wrap=vexfs_dev_read
unit-extra-test_feature := $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(src-fsck.vexfs) $(src-dump.vexfs)))
unit-extra-test_feed := $(unit-extra-test_fsck) $(unit-extra-test_tune)
unit-extra-test_quota := $(unit-extra-test_fsck) $(unit-extra-test_mkfs)
unit-extra-test_vexctl := $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(src-vexctl)))
$(foreach t,text search index transfer follow mcp convert embedder http model2vec migrate static,$(eval unit-extra-test_vexctl_$(t) := $(unit-extra-test_vexctl)))
define unit-rule
$(B)/unit/$(1): $(B)/asan/tests/unit/$(1).o $(UNIT_HELP) $(unit-extra-$(1)) $(B)/asan/libvexfs.a
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(SANITIZE) $$(LDFLAGS) $(unit-link-$(1)) -o $$@ $$^ -lcmocka $$(LIBS)
endef
$(foreach t,$(UNIT),$(eval $(call unit-rule,$(t))))
check: $(addprefix $(B)/unit/,$(UNIT)) all
	@tests/unit/run.sh $(addprefix $(B)/unit/,$(UNIT))

# ---- kernel module ------------------------------------------------------------------
MODOUT ?= $(B)/kmod/$(notdir $(patsubst %/build,%,$(KDIR)))
KMAKE = VEXFS_VERSION=$(VERSION) VEXFS_DEBUG=$(VEXFS_DEBUG) VEXFS_WERROR=$(VEXFS_WERROR) CONFIG_DEBUG_INFO_BTF_MODULES= $(KMAKE_ARGS)
modules:
	@[ -e "$(KDIR)/include/generated/autoconf.h" ] || { echo "make modules: no kernel headers in $(KDIR):" \
		"install the package linux-headers-$$(uname -r), or name others: KDIR=build/kernels/6.1/kdir" \
		"after ./vex kernel fetch 6.1" >&2; exit 1; }
	@kmod/link.sh "$(MODOUT)"
	@kmod/probe/run.sh "$(KDIR)" "$(MODOUT)/probe" "$(MODOUT)/include/vexfs_config.h" $(KMAKE_ARGS)
	$(MAKE) -C "$(KDIR)" M="$(abspath $(MODOUT))" $(KMAKE) W=$(if $(W),$(W),1) modules

# ---- the rest ----------------------------------------------------------------------
# Modes do not depend on the caller's umask, those of new directories neither.
dest := $(DESTDIR)$(PREFIX)
install: all
	umask 022 && mkdir -p "$(dest)/sbin" "$(dest)/bin" "$(dest)/lib/pkgconfig" "$(dest)/include/linux" \
		$(foreach n,1 3 5 8,"$(dest)/share/man/man$(n)") \
		"$(dest)/share/bash-completion/completions"
	install -m 755 $(B)/bin/mkfs.vexfs $(B)/bin/fsck.vexfs $(B)/bin/tune.vexfs \
		$(B)/bin/dump.vexfs "$(dest)/sbin"
	install -m 755 $(B)/bin/vexctl "$(dest)/bin"
	install -m 644 $(B)/libvexfs.a "$(dest)/lib"
	install -m 644 include/uapi/vexfs.h "$(dest)/include/linux/vexfs.h"
	install -m 644 lib/vexfs.h "$(dest)/include/vexfs.h"
	umask 022 && sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' lib/vexfs.pc.in \
		> "$(dest)/lib/pkgconfig/vexfs.pc" && \
		chmod 644 "$(dest)/lib/pkgconfig/vexfs.pc"
	install -m 644 tools/man/*.1 "$(dest)/share/man/man1"
	install -m 644 tools/man/*.3 "$(dest)/share/man/man3"
	umask 022 && tools/man/aliases tools/man/*.3 | while read -r name page; do \
		echo ".so man3/$$page" > "$(dest)/share/man/man3/$$name.3" || exit 1; done
	install -m 644 tools/man/*.5 "$(dest)/share/man/man5"
	install -m 644 tools/man/*.8 "$(dest)/share/man/man8"
	install -m 644 tools/completion/vexctl.bash "$(dest)/share/bash-completion/completions/vexctl"

lint:
	@./vex lint

FUZZ_RUNS ?= 200000
$(B)/fuzz_core $(B)/fuzz_model: $(B)/fuzz_%: $(B)/asan/tests/fuzz/fuzz_%.o $(B)/asan/libvexfs.a
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) $(SANITIZE) -o $@ $^ $(LIBS)
fuzz: $(B)/fuzz_core $(B)/fuzz_model
	$(B)/fuzz_core $(FUZZ_RUNS)
	$(B)/fuzz_model $$(($(FUZZ_RUNS) / 10))

# Whole images: what is tested reports the code it reaches. For libFuzzer env/cmd/fuzz.sh gives other flags.
FUZZ_COVER := -fsanitize-coverage=trace-pc
FUZZ_MAIN :=
FUZZ_SRC := $(CORE_SRC) $(LIB_SRC) $(filter-out %/main.c,$(src-fsck.vexfs) $(src-dump.vexfs))
FUZZ_HELP := $(patsubst %,tests/fuzz/%.c,fuzz_image base mutate check) tests/unit/imgbuild.c tests/unit/jbuild.c
$(B)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC fuzz)
	$(Q)$(CC) $(CPPFLAGS) -DVEXFS_UNIT $(CFLAGS_ALL) $(SANITIZE) $(FUZZ_COVER) $(simd-flags) -MMD -MP -c $< -o $@
$(B)/fuzz_image: $(patsubst %.c,$(B)/fuzz/%.o,$(FUZZ_SRC)) $(patsubst %.c,$(B)/asan/%.o,$(FUZZ_HELP))
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_ALL) $(SANITIZE) $(FUZZ_MAIN) -Wl,--wrap=vexfs_dev_write $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

clean:
	rm -rf $(B)/obj $(B)/asan $(B)/fuzz $(B)/fuzz_core $(B)/fuzz_model $(B)/fuzz_image $(B)/unit $(B)/bin $(B)/guest $(B)/kmod $(B)/libvexfs.a

-include $(shell find $(B)/obj $(B)/asan $(B)/fuzz -name '*.d' 2>/dev/null)
