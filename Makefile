# Two commands on a fresh machine: `make demo` and `make check`. `make help` lists the others.
# meson and ninja do the building; they can be used directly (meson setup build && ninja -C build).
# SETUP=: leaves out the installation of packages, PREFIX and DESTDIR are for `make install`.

SETUP ?= tools/setup.sh
PREFIX ?= /usr/local
PYTHON := .venv/bin/python
# What tests need of the machine beside what the build needs.
TESTS := $(SETUP) --tests

all: ## build the server as build/exeunt (the default), installing first what is missing
	@$(SETUP)
	@test -f build/build.ninja || meson setup build
	@ninja -C build

demo: ## build, start a server and play the story of an account's end through a real client
	@$(TESTS)
	@$(MAKE) --no-print-directory all SETUP=:
	@$(PYTHON) tests/demo/demo.py build/exeunt

check: ## build and run every test: walls, unit tests, replayed fuzz findings, scenarios
	@$(TESTS)
	@$(PYTHON) tools/check.py walls check

check-walls: ## only the walls: layers, banned calls, sizes, headers, one SQL room, foreign names
	@$(TESTS)
	@$(PYTHON) tools/check.py walls

check-postgres: ## the tests that touch a database again, on PostgreSQL, and several processes over one
	@$(TESTS) --postgres
	@$(PYTHON) tools/check.py postgres

check-sanitizers: ## the tests again under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(TESTS)
	@$(PYTHON) tools/check.py sanitizers

check-tsan: ## the tests again under ThreadSanitizer
	@$(TESTS)
	@$(PYTHON) tools/check.py tsan

check-clang: ## build with clang, no warnings allowed, and run the unit tests
	@$(TESTS) --dev
	@$(PYTHON) tools/check.py clang

check-clients: ## log in, sync and talk with real clients (needs node)
	@$(TESTS) --clients
	@$(PYTHON) tools/check.py clients

check-differential: ## hold the room versions' rules against an independent implementation
	@$(TESTS) --oracle
	@$(PYTHON) tools/check.py differential

conformance: ## write docs/conformance.md anew; SUITE=DIR, a checkout of Complement, runs that, too
	@$(TESTS)
	@$(MAKE) --no-print-directory all SETUP=:
	@tools/conformance.sh $(SUITE)

mutate: ## change the rules of the room versions one by one: the tests must notice (half an hour)
	@$(TESTS)
	@tools/mutate_auth.py

tidy: ## read the code with clang-tidy
	@$(SETUP) --dev
	@tools/tidy.sh

install: all ## install under PREFIX (/usr/local), below DESTDIR if that is given
	@meson configure build -Dprefix='$(PREFIX)'
	@DESTDIR='$(DESTDIR)' meson install -C build --no-rebuild

clean: ## remove what was built (not .venv, and no data)
	rm -rf build build-asan build-tsan build-clang build-fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | \
		while IFS='	' read -r name text; do printf 'make %-18s %s\n' "$$name" "$$text"; done

.PHONY: all demo check check-walls check-postgres check-sanitizers check-tsan check-clang check-clients check-differential conformance mutate tidy \
	install clean help
