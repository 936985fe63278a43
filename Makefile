# One target a habit; `make help` lists them. Everything Python goes into .venv, nothing is installed
# anywhere else. Stamp files in .venv make repeated runs quick.
#
# Three Rust builds in all, each of one profile and one set of features:
#   clippy              dev profile, all features, checked only
#   cargo test          dev profile, `sim` and `capi`, with the C library that its tests are linked with
#   maturin develop     release profile, `python`: the demo, the Python tests and stubtest share it

PYTHON ?= python3
ARGS ?=
# Of `make proof`: the share of the full size, and the seed, which is that of `make fuzz` too.
SHARE ?= 1
SEED ?= 20130101
# Of `make fuzz`: which targets (all of them if none is named), and for how long each.
TARGETS ?=
SECONDS ?= 3600

BIN := .venv/bin
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find src -name '*.rs')
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/maturin
INSTALL := $(MATURIN) develop --release --locked

# pyo3's build script looks for a Python; always the same one, so that nothing is built twice.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo build test lint rust-lint rust-test python-lint python-test c-library header msrv install-c proof proof-kernel proof-processes format bench bench-kernel bench-peers bench-timelog bench-chronomap fuzz asan clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed ## build, install into .venv, and run `chronolite demo` (options: ARGS="--days 3")
	$(BIN)/chronolite demo $(ARGS)

build: .venv/.installed ## build the release extension and install it, editable, into .venv

# Cheap checks first, so that a slip shows before anything long is built.
test: rust-lint rust-test python-lint python-test ## everything that has to pass before a change lands

lint: rust-lint python-lint ## rustfmt, clippy, ruff, mypy, stubtest

rust-lint: .venv/.created
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --features capi

rust-test:
	cargo test --locked --features sim,capi

python-lint: .venv/.installed .venv/.test-tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest chronolite._core --mypy-config-file pyproject.toml

# With the examples of README.md (test_readme.py), of examples/ (test_examples.py) and of the stubs
# (test_face_stubs.py), and the short forms of tests/proof. A test that takes ten minutes hangs: the
# run ends there, with the stacks of all threads.
python-test: .venv/.installed .venv/.test-tools c-library
	$(BIN)/python -m pytest -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true $(ARGS)

# What the tests of tests/capi are linked with. A build with other features leaves its own library under
# the same name.
c-library:
	cargo test --locked --features sim,capi --test c_header --no-run
	nm -D target/debug/deps/libchronolite.so | grep -q chl_open || { touch src/lib.rs; \
	  cargo test --locked --features sim,capi --test c_header --no-run; }
	mkdir -p target/c
	cp -f target/debug/deps/libchronolite.so target/debug/deps/libchronolite.a target/c
	ln -sf libchronolite.so target/c/$(SONAME)

# Where `make install-c` puts the C library; DESTDIR is for those who make packages.
PREFIX ?= /usr/local
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
# As build.rs has it.
SONAME = libchronolite.so.$(basename $(VERSION))

# As `cargo build --release --no-default-features --features capi` makes it, but without the Rust library
# beside it, which the linker's optimization does not go with.
C_RELEASE = cargo rustc --locked --release --no-default-features --features capi --lib \
	--crate-type cdylib,staticlib

header: ## write include/chronolite.h from the Rust sources
	CHRONOLITE_WRITE_HEADER=1 cargo test --locked --features sim,capi --test c_header

# The oldest Rust that builds it, as Cargo.toml says.
MSRV = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

msrv: ## check the crate with the oldest Rust that it is for
	cargo +$(MSRV).0 check --locked --lib --features capi

install-c: ## the C library, its header and pkg-config file (options: PREFIX=/usr/local)
	$(C_RELEASE)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 include/chronolite.h $(DESTDIR)$(PREFIX)/include
	install -m 644 target/release/libchronolite.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 target/release/libchronolite.so $(DESTDIR)$(PREFIX)/lib/libchronolite.so.$(VERSION)
	ln -sf libchronolite.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libchronolite.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' include/chronolite.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/chronolite.pc

# Hours, on two cores; less by SHARE=0.01. Figures go to tests/proof/results, a file for each test
# that passed. `proof-kernel` is the part in Rust, `proof-processes` that in Python.
PROOF = CHRONOLITE_PROOF=$(SHARE) CHRONOLITE_PROOF_SEED=$(SEED) \
	CHRONOLITE_PROOF_RESULTS="$(CURDIR)/tests/proof/results" \
	CHRONOLITE_PROOF_COMMAND='make $@ SHARE=$(SHARE) SEED=$(SEED) ARGS="$(ARGS)"' \
	CHRONOLITE_PROOF_COMMIT=$$(git rev-parse HEAD) CHRONOLITE_PROOF_DATE=$$(date -u +%Y-%m-%dT%H:%M:%SZ)

proof: proof-kernel proof-processes ## PROOF.md's tests in full size (options: SHARE=0.01, SEED=1)

proof-kernel:
	mkdir -p tests/proof/results
	$(PROOF) cargo test --locked --release --features sim --test codec_memory --test codecs --test crash \
	  --test damage --test faults --test model --test readers --test salvage -- --nocapture $(ARGS)

proof-processes: .venv/.installed .venv/.test-tools
	mkdir -p tests/proof/results
	$(PROOF) $(BIN)/python -m pytest tests/proof $(ARGS)

format: .venv/.test-tools ## format Rust and Python
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# ARGS go to the comparison; the Rust benches alone take theirs by `make bench-kernel ARGS=codec`.
# Both keep their figures in benches/results and make benches/README.md from them, in an environment
# of their own, from a Python that is new enough for the peers: benches/.env.
bench: ## the Rust benches, and chronolite beside its peers (options: ARGS="--scale 0.1 --only sensor")
	$(MAKE) bench-kernel ARGS=
	$(MAKE) bench-peers ARGS="$(ARGS)"
	$(MAKE) bench-timelog ARGS=
	$(MAKE) bench-chronomap ARGS=

bench-kernel: ## the Rust benches, or some of them (options: ARGS="capi codec living spine")
	$(PYTHON) benches/kernel.py $(ARGS)

bench-peers: ## chronolite beside its peers alone
	$(PYTHON) benches/compare.py $(ARGS)

bench-timelog: ## Timelog beside its peers (options: ARGS="--full --rounds 5")
	$(PYTHON) benches/compare.py timelog $(ARGS)

bench-chronomap: ## ChronoMap beside its peer (options: ARGS="--rounds 5 --only put")
	$(PYTHON) benches/compare.py chronomap $(ARGS)

asan: ## the Rust tests under AddressSanitizer, by hand (options: ARGS="--lib codec::"; needs rustup's nightly)
	RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan cargo +nightly test --locked \
	  --target $$(rustc -vV | sed -n 's/^host: //p') --features sim $(or $(ARGS),--lib --tests)

# libFuzzer needs rustup's nightly toolchain. Figures go to tests/proof/results, a file a target.
fuzz: target/tools/bin/cargo-fuzz ## the fuzz targets, by hand (options: TARGETS="open sql", SECONDS=60, SEED=1)
	$(PYTHON) fuzz/run.py --seconds $(SECONDS) --seed $(SEED) $(TARGETS)

target/tools/bin/cargo-fuzz:
	cargo install cargo-fuzz --locked --root target/tools

clean: ## remove what was built and the .venv
	rm -rf target dist .venv benches/.env .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf fuzz/corpus fuzz/artifacts
	rm -f python/chronolite/*.so
	find python tests examples benches -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.created:
	@command -v cargo >/dev/null || { \
	  echo "Rust is needed (cargo was not found): install it with rustup, then run make again." >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, but '$(PYTHON) --version' says:" \
	    "$$($(PYTHON) --version 2>&1). Name another one, as in: make PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet $$($(BIN)/python -c \
	  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@touch $@

# Editable: a changed .py file needs no new install, a changed .rs file does. pandas comes along
# because the demo ends in a DataFrame.
.venv/.installed: .venv/.created pyproject.toml $(RUST_SOURCES)
	$(INSTALL) --extras pandas
	@touch $@

# Order-only on the install: changed Rust code needs no new tools.
.venv/.test-tools: pyproject.toml | .venv/.installed
	$(INSTALL) --extras test
	@touch $@
