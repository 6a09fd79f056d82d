# What can be done with a checkout. `make run` and `make test` need nothing done first.

# python3, or the system's of the same version where that is faster. The script may be absent, or a copy that is not executable.
PYTHON ?= $(or $(shell sh scripts/interpreter.sh 2>/dev/null),python3)
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin

# Keep compiled modules, whatever the environment says: otherwise each process of a test run compiles all of them again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run install install-dev lint check audit test soak pulsar bench

help:
	@echo 'make run      the dashboard with demo people and a demo history, on http://127.0.0.1:8000/ (PORT=…)'
	@echo 'make test     everything: lint, types, and every test but the soak'
	@echo 'make check    lint, types and the quick unit tests, in less than a minute'
	@echo 'make audit    whether a pinned dependency has a known vulnerability; says so where nobody could be asked (CI runs it too)'
	@echo 'make soak     the long kill and load tests, Lighthouse on every page (needs Node), property tests at length, and all tests that'
	@echo '              need a broker on Pulsar 4.2.4'
	@echo 'make pulsar   a local Pulsar broker, in the foreground (PULSAR_VERSION=…)'
	@echo 'make bench NAME=import    a benchmark (EVENTS=… scales it)'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: give it as PYTHON=…'; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# A .venv without pip (made with --without-pip, or cut off while it was made) is of no use.
with_pip = @$(BIN)/python -m pip --version >/dev/null 2>&1 \
	|| { echo '$(VENV) has no pip that works: making it anew.'; $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(with_pip)
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

# Not compiled: that takes as long as all the rest, and most of it is never imported.
$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(with_pip)
	@sh scripts/install_side_by_side.sh $(BIN)/python requirements.txt requirements-dev.txt 2>/dev/null || \
		$(BIN)/python -m pip install --disable-pip-version-check -q --no-compile -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# exec: a signal to make reaches the server itself, and no shell stands between.
run: install
	@exec $(BIN)/python manage.py serve --demo --end-with-parent

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m scripts.type_check
	$(BIN)/lint-imports

# A worker runs a file at a time, so that the file's tests share its fixtures; the longest file comes first (tests/scheduling.py).
# Tests wait for processes and other threads now and then, so there are more workers than processors (WORKERS=…). All share
# one broker and one PostgreSQL. Quick: property tests try a tenth of their examples. Check names the ten tests that
# took longest: one that takes more than half a second is to be marked as slow, or made faster.
check: install-dev
	@EVENTDESK_TESTS=quick exec scripts/lint_beside.sh $(BIN)/pytest tests/unit -m 'not soak and not slow' -n $(WORKERS) --dist loadfile --durations 10

# In CI a test that fails is run once more, and both outcomes are printed: on a shared machine one of 7,000 tests that wait for
# other processes may wait in vain, and a change is not judged by that. Here it fails at once.
test: install-dev
	@scripts/system_packages.sh
	@BESIDE='$(if $(filter true,$(CI)),lint audit,lint)' exec scripts/lint_beside.sh $(BIN)/pytest -m 'not soak' -n $(WORKERS) --dist loadfile $(if $(filter true,$(CI)),--reruns 1 --rerun-show-tracebacks)

# A known vulnerability fails. That nobody could be asked does not, and is said: AUDIT=--required makes it fail as well.
audit: install-dev
	@$(BIN)/python -m scripts.audit_dependencies $(AUDIT)

# The second run is the property tests with all of their examples; the third is every test that needs a broker, long or not, on
# the newer version of Pulsar.
soak: install-dev
	@$(BIN)/pytest -m soak
	@EVENTDESK_TESTS=thorough $(BIN)/pytest -m hypothesis -n 2 --dist loadfile
	@exec env PULSAR_VERSION=4.2.4 $(BIN)/pytest -m broker

pulsar: install
	@exec $(BIN)/python -m scripts.local_pulsar

bench: install-dev
	@test -n '$(NAME)' || { echo 'Which one? make bench NAME=import'; exit 1; }
	@grep -qs 'import .*report' 'benchmarks/$(NAME).py' || { echo 'There is no benchmark of the name $(NAME). There are:'; \
		grep -l 'import .*report' benchmarks/*.py | sed 's,.*/,,; s,[.]py$$,,'; exit 1; }
	@exec $(BIN)/python -m benchmarks.$(NAME)
