# bellwire: `make help` lists the targets.
#
# B is where everything built goes; SAN=address builds and tests under ASan+UBSan in a tree of its own.
VERSION := 0.1.0
SAN     ?=
B       ?= build$(if $(SAN),/$(SAN))
# One spelling, or what a build by another path has learned about headers is not found.
override B := $(patsubst $(CURDIR)/%,%,$(abspath $(B)))
CC      ?= cc
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
OPT     ?= -O2 -g
CFLAGS  ?= $(OPT)
ALL_CFLAGS = -std=gnu17 $(WARN) $(CFLAGS) -D_GNU_SOURCE -DBELLWIRE_VERSION='"$(VERSION)"' -Iserver -I$(B)/gen -isystem /usr/include/postgresql $(SAN_FLAGS) -MMD -MP
SAN_FLAGS_address := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_FLAGS_thread  := -fsanitize=thread -fno-omit-frame-pointer
SAN_FLAGS_fuzz := -fsanitize=fuzzer-no-link $(SAN_FLAGS_address) -Wno-bitwise-instead-of-logical
SAN_FLAGS := $(SAN_FLAGS_$(SAN))
LIBS    := -lpq -lev -lwslay -ljansson -ljwt -lssl -lcrypto -lm
PREFIX  ?= /usr/local
DESTDIR ?=

ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR): make cannot work in a path with blanks; move the checkout)
endif
ifneq ($(if $(SAN),$(or $(SAN_FLAGS),unknown)),$(SAN_FLAGS))
$(error SAN=$(SAN): there are SAN=address and SAN=thread; and SAN=fuzz, for clang)
endif

# Includes point down only: each layer may use those before it (docs/architecture.md).
LAYERS  := base net http ws eio sio client hub auth people db events recovery emitter entry operator app verify cmd
SIDES   := db auth  # know base and net alone (tests/checks/layers)
layer_src = $(wildcard server/$(1)/*.c)
layer_lib = $(B)/lib/$(1).a
obj       = $(patsubst server/%.c,$(B)/obj/%.o,$(1))
OBJ_app := $(B)/obj/gen/embedded.o
OBJ_operator := $(B)/obj/gen/page_files.o

.PHONY: all unit unit-bin nomem soak verify fuzz fuzz-bin packages packages-build modules test test-postgres test-compose test-systems run bench install uninstall deb deb-package dist lint tidy format coverage pages gdb clean help FORCE
all: $(B)/bellwire $(B)/echo-server ## build/bellwire and build/echo-server

# V=1 shows whole commands.
brief = $(if $(V),,@echo "  $(1) $@";)

# What is built with other flags is built anew.
FLAGS := $(B)/flags
UNIT_OPT := -U_FORTIFY_SOURCE -O0
FLAGS_NOW := $(strip $(CC) $(ALL_CFLAGS) $(UNIT_OPT) $(LDFLAGS) $(LIBS))
ifneq ($(strip $(file <$(FLAGS))),$(FLAGS_NOW))
$(FLAGS): FORCE
endif
$(FLAGS): export NOW = $(FLAGS_NOW)
$(FLAGS):
	@mkdir -p $(@D)
	@printf '%s\n' "$$NOW" > $@

# The directory stands for files that came or went.
define layer_rule
$(call layer_lib,$(1)): $(call obj,$(call layer_src,$(1))) $(OBJ_$(1)) server/$(1)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call brief,ar) ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

$(B)/obj/%.o: server/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(call brief,cc) $(CC) $(ALL_CFLAGS) -c $< -o $@

# The SQL that the program carries. The directory stands for files that came or went.
SQL_SRC := migrations $(wildcard migrations/*.sql) migrations/locks sql/bootstrap.sql sql/manifest $(addprefix sql/,$(shell cat sql/manifest)) \
	sql/testing/manifest $(addprefix sql/testing/,$(shell cat sql/testing/manifest))
$(B)/gen/embedded.c: server/cmd/embed $(SQL_SRC)
	@mkdir -p $(@D)
	$(call brief,embed) server/cmd/embed > $@.new
	@mv $@.new $@

# The page of the internal listener. The directory stands for files that came or went.
$(B)/gen/page_files.c: server/page/embed server/page $(wildcard server/page/*) server/demo/elements.js
	@mkdir -p $(@D)
	$(call brief,embed) server/page/embed > $@.new
	@mv $@.new $@

$(B)/obj/gen/%.o: $(B)/gen/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(call brief,cc) $(CC) $(ALL_CFLAGS) -c $< -o $@

# The archives a program needs, the highest first.
upto = $(if $(filter $(1),$(firstword $(2))),$(firstword $(2)),$(firstword $(2)) $(call upto,$(1),$(wordlist 2,99,$(2))))
rev  = $(if $(1),$(call rev,$(wordlist 2,99,$(1))) $(firstword $(1)))
libs_upto = $(foreach l,$(call rev,$(call upto,$(1),$(LAYERS))),$(if $(call layer_src,$(l)),$(call layer_lib,$(l))))

$(B)/echo-server: $(call obj,$(wildcard server/echo/*.c)) $(call libs_upto,sio) server/echo
	$(call brief,cc) $(CC) $(ALL_CFLAGS) $(LDFLAGS) $(filter %.o %.a,$^) -o $@ -lev -lwslay -ljansson -lssl -lcrypto -lm

$(B)/bellwire: $(call obj,server/main.c) $(call libs_upto,cmd)
	$(call brief,cc) $(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

# Unit tests: tests/unit/<layer>/<name>_test.c is linked with its layer and those below. What is under test is optimized, the test
# is not: to compile it takes a third of the time so.
UNIT_CFLAGS = $(ALL_CFLAGS) $(UNIT_OPT) -Itests/unit
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
define unit_rule
$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(call libs_upto,$(1)) $(FLAGS)
	@mkdir -p $$(@D)
	$$(call brief,cc) $(CC) $(UNIT_CFLAGS) $$< $(call libs_upto,$(1)) -o $$@ $(LIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rule,$(l))))

# Fuzz targets: tests/fuzz/<target>.c. With the main of tests/fuzz/replay.c they are unit tests that go through what was found and kept;
# with libFuzzer's, in a tree of its own that clang has built, they try on.
FUZZ_TARGETS := $(filter-out replay,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
UNIT_BIN += $(FUZZ_TARGETS:%=$(B)/unit/fuzz/%)
$(B)/unit/fuzz/replay.o: tests/fuzz/replay.c $(FLAGS)
	@mkdir -p $(@D)
	$(call brief,cc) $(CC) $(UNIT_CFLAGS) -c $< -o $@

$(FUZZ_TARGETS:%=$(B)/unit/fuzz/%): $(B)/unit/fuzz/%: tests/fuzz/%.c $(B)/unit/fuzz/replay.o $(call libs_upto,app) $(FLAGS)
	$(call brief,cc) $(CC) $(UNIT_CFLAGS) $< $(B)/unit/fuzz/replay.o $(call libs_upto,app) -o $@ $(LIBS)

$(FUZZ_TARGETS:%=$(B)/fuzz/%): $(B)/fuzz/%: tests/fuzz/%.c $(call libs_upto,app) $(FLAGS)
	@mkdir -p $(@D)
	$(call brief,cc) $(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -Itests/unit $< $(call libs_upto,app) -o $@ $(LIBS)

fuzz-bin: $(FUZZ_TARGETS:%=$(B)/fuzz/%)

fuzz: packages ## try inputs at random for SECONDS=60 a target (TARGET=http); what is found stays in build/fuzz/found
	@tests/fuzz/run $(or $(SECONDS),60) $(TARGET)

# `make test` has a short form of both.
nomem: packages modules ## each allocation of a session fails in turn, for hours; ARGS="--stacks 1" for minutes (STAGE=polling)
	@SAN=$(SAN) SUITE_LIMIT_S=36000 SUITE_ARGS="$(or $(ARGS),--full) $(STAGE)" tests/run nomem

soak: packages modules ## stock clients and faults at random for MINUTES=10 with CLIENTS=300 (SAN=address)
	@SAN=$(SAN) SUITE_LIMIT_S=86400 SUITE_ARGS="--seconds $$((60 * $(or $(MINUTES),10))) --clients $(or $(CLIENTS),300)" tests/run soak

verify: packages modules ## `bellwire verify` for MINUTES=2 against two edges, while they are killed, Postgres crashes, and its sessions are ended
	@SAN=$(SAN) SUITE_LIMIT_S=86400 SUITE_ARGS="--seconds $$((60 * $(or $(MINUTES),2)))" tests/run verify

unit-bin: $(UNIT_BIN) ## build the unit tests

unit: unit-bin ## unit tests alone
	@for t in $(UNIT_BIN); do $$t || exit 1; done

unit-%: ## unit tests of one layer, e.g. unit-net
	@$(MAKE) --no-print-directory $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/$*/*_test.c))
	@for t in $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/$*/*_test.c)); do $$t || exit 1; done

# What builds and tests need comes first: packages may bring the compiler itself, hence the inner make.
packages: ## install the Debian packages that are missing
	@tests/env/packages

packages-build: ## only those that building needs: no Postgres server, no Node
	@tests/env/packages --build

NODE_MODULES := tests/node_modules/.stamp
$(NODE_MODULES): tests/package-lock.json tests/package.json tests/.npmrc | packages
	@tests/env/modules
	@touch $@
modules: $(NODE_MODULES) ## install what the tests need from npm, under tests/

test: packages modules ## install what is missing, build, run every suite, normally and under ASan+UBSan
	@tests/run

test-postgres: packages modules ## suites on another version of Postgres: MAJOR=16, 17, 18 (SUITES="sql integration")
	@SAN= BELLWIRE_TEST_PG_MAJOR=$(MAJOR) tests/run $(or $(SUITES),sql integration)

test-compose: ## the compose project, really built and used (Docker, or root on Debian 12)
	@tests/containers/run

test-systems: ## bare roots of Debian 12 and 13: make run, suites, the package (root; PARTS, SUITES and more in tests/systems/run)
	@tests/systems/run $(RELEASES)

run: packages modules ## the demo: Postgres, bellwire and its page on 127.0.0.1:3000 (PORT=..., LISTEN=0.0.0.0)
	@$(MAKE) -j$(shell nproc) --no-print-directory $(B)/bellwire
	@B=$(B) tests/env/run

$(B)/bench/load: $(wildcard tests/bench/load/*.c tests/bench/load/*.h) $(FLAGS)
$(B)/bench/floor: tests/bench/floor.c $(FLAGS)
$(B)/bench/load $(B)/bench/floor:
	@mkdir -p $(@D)
	$(call brief,cc) $(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(filter %.c,$^) -o $@ -lpq

bench: packages modules ## figures beside socket.io for Node (ARGS="fanout memory", ARGS="rounds=5")
	@$(MAKE) -j$(shell nproc) --no-print-directory $(B)/bellwire $(B)/bench/load $(B)/bench/floor
	@B=$(abspath $(B)) node tests/bench/run.mjs $(ARGS)

# What the program says of itself, as files of a system.
MANUAL := $(PREFIX)/share/man/man1/bellwire.1
BASH_COMPLETION := $(PREFIX)/share/bash-completion/completions/bellwire
ZSH_COMPLETION := $(PREFIX)/share/zsh/site-functions/_bellwire
install: $(B)/bellwire ## bellwire, manual and completions under $(DESTDIR)$(PREFIX) (PREFIX=/usr/local)
	@server/packaging/manual $(B)/bellwire > $(B)/bellwire.1
	@server/packaging/completions bash $(B)/bellwire > $(B)/bellwire.bash
	@server/packaging/completions zsh $(B)/bellwire > $(B)/bellwire.zsh
	install -D -m 755 $(B)/bellwire $(DESTDIR)$(PREFIX)/bin/bellwire
	install -D -m 644 $(B)/bellwire.1 $(DESTDIR)$(MANUAL)
	install -D -m 644 $(B)/bellwire.bash $(DESTDIR)$(BASH_COMPLETION)
	install -D -m 644 $(B)/bellwire.zsh $(DESTDIR)$(ZSH_COMPLETION)

# Hardened as Debian's own packages are, and more, in a tree of its own. A recipe is expanded as a whole before its first line runs: the
# flags belong into a second one, or dpkg-buildflags is asked before it is installed, and everything is built without any.
HARDENED = $(or $(shell DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get $(1)),$(error dpkg-buildflags has no $(1)))
deb: ## a Debian package: build/bellwire_$(VERSION)_<arch>.deb
	@tests/env/packages --deb
	@$(MAKE) --no-print-directory deb-package

deb-package:
	@$(MAKE) -j$(shell nproc) --no-print-directory B=$(B)/deb CFLAGS='$(call HARDENED,CFLAGS) $(call HARDENED,CPPFLAGS)' LDFLAGS='$(call HARDENED,LDFLAGS)' $(B)/deb/bellwire
	@server/packaging/deb $(B)/deb/bellwire $(VERSION) $(B)

dist: ## the sources of the last commit: build/bellwire-$(VERSION).tar.gz
	@mkdir -p $(B)
	@git archive --format=tar.gz --prefix=bellwire-$(VERSION)/ -o $(B)/bellwire-$(VERSION).tar.gz HEAD
	@echo $(B)/bellwire-$(VERSION).tar.gz

uninstall: ## take it away again
	rm -f $(addprefix $(DESTDIR),$(PREFIX)/bin/bellwire $(MANUAL) $(BASH_COMPLETION) $(ZSH_COMPLETION))

lint: packages modules ## clang-format, clang-tidy, shellcheck, plpgsql_check, widths (a suite of `make test`, too)
	@SAN= tests/run lint

# What clang-tidy says of each file, again when it or a header of it has changed; tests/lint/tidy judges.
TIDY_BIN = $(firstword $(shell command -v clang-tidy-14 clang-tidy))
TIDY := $(patsubst server/%.c,$(B)/tidy/%.txt,$(wildcard server/*.c server/*/*.c))
$(B)/tidy/%.txt: server/%.c $(B)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call brief,tidy) $(TIDY_BIN) --quiet $< -- $(filter-out -MMD -MP,$(ALL_CFLAGS)) > $@.new 2> $@.err || grep -q ': error: ' $@.new || { cat $@.err; false; }
	@mv $@.new $@
tidy: $(TIDY)

C_FILES = $(shell git ls-files '*.c' '*.h')
format: ## clang-format over every C file
	$(firstword $(shell command -v clang-format-14 clang-format)) -i $(C_FILES)

# A tree of its own, without optimisation, so that lines are lines.
coverage: packages ## which lines the unit tests run, per folder of server/ (ARGS=db: per file of server/db)
	@mkdir -p $(B)
	@$(MAKE) -k -j$(shell nproc) --no-print-directory B=$(B)/coverage CFLAGS="-O0 -g --coverage" all unit-bin > $(B)/coverage.log 2>&1 || { cat $(B)/coverage.log; false; }
	@tests/env/coverage $(B)/coverage $(ARGS)

pages: $(B)/bellwire modules ## the tables of docs/ that follow from lists in the code, written anew
	@tests/env/pages $(B)/bellwire

gdb: $(B)/bellwire ## gdb with server/gdb.py, on the program or on BIN=... (ARGS="serve --config ...")
	@gdb -q -x server/gdb.py --args $(or $(BIN),$(B)/bellwire) $(ARGS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

clean: ## remove everything built
	rm -rf build

-include $(shell find $(B)/obj $(B)/unit -name '*.d' 2>/dev/null)
