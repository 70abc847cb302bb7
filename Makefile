# Every target sets up .venv by itself when it is missing or older than requirements.lock.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m grader

SUBMISSIONS ?= data/class
OUT ?=
STEP ?=
LEVEL ?= 1
SUBMISSION ?=
NAMES ?=
STEPS ?=
SEED ?=
JOBS ?=
LESSON ?=
VERBOSE ?=
MENDS ?=
REGRADE ?=
REQUIRE_ISOLATION ?=

# an option only where its variable is set; a leading ~ is the home folder in every shell
option = $(if $(2),$(1) "$(patsubst ~/%,$(HOME)/%,$(2))")
switch = $(if $(2),$(1))
lesson = $(call option,--lesson,$(LESSON))

.DEFAULT_GOAL := help
.PHONY: help setup check hint train grade lesson doctor test lint mutation right-forms bench docs-pictures clean

help:
	@echo "For students"
	@echo "  make check                  check all your answers in exercises/mlp"
	@echo "  make check STEP=dprobs      check one step (or an exercise: STEP=ex1_chain)"
	@echo "  make hint STEP=dprobs       a hint on your own answer; LEVEL=2 the rule, LEVEL=3 nearly the line"
	@echo "  make train                  train the network with your own backward pass"
	@echo "For instructors"
	@echo "  make grade                  grade data/class into grades/"
	@echo "  make grade SUBMISSIONS=DIR OUT=DIR"
	@echo "                              grade any folder of submissions; SEED=, JOBS= if you like;"
	@echo "                              MENDS=no looks for no mends; REGRADE=1 grades unchanged ones again;"
	@echo "                              REQUIRE_ISOLATION=1 runs sealed or not at all"
	@echo "  make check SUBMISSION=DIR   the self-check on somebody's answers; VERBOSE=1 shows every case and the mend"
	@echo "For those who write lessons"
	@echo "  make lesson                 cut the exercises from the solutions, verify both"
	@echo "For everybody"
	@echo "  make doctor                 what this machine has, and what is missing"
	@echo "  make test                   the kit's own tests     make lint    ruff and mypy"
	@echo "  make mutation               thousands of wrong answers against the judge    make right-forms   right ones"
	@echo "  make bench                  what it costs, measured make setup   .venv alone"
	@echo "  make docs-pictures          draw the pictures of the README from real runs"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This kit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV) || { echo "python's venv module is missing: apt-get install python3-venv"; exit 2; }
	@$(VENV)/bin/python -m pip install -qq --disable-pip-version-check -r requirements.lock \
	  || { echo "pip could not install requirements.lock; see README, Installing torch"; exit 2; }
	@$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

check: $(VENV)/.ready
	@$(RUN) check $(call option,,$(SUBMISSION)) $(STEP) $(call switch,--verbose,$(VERBOSE)) $(lesson)

hint: $(VENV)/.ready
	@test -n "$(STEP)" || { echo "which step? make hint STEP=dprobs"; exit 2; }
	@$(RUN) hint $(STEP) $(call option,,$(SUBMISSION)) --level $(LEVEL) $(lesson)

train: $(VENV)/.ready
	@$(RUN) train $(call option,,$(SUBMISSION)) $(call option,--names,$(NAMES)) $(call option,--steps,$(STEPS)) \
	  $(call option,--out,$(OUT)) $(lesson)

grade: $(VENV)/.ready
	@$(RUN) grade $(call option,,$(SUBMISSIONS)) $(call option,--out,$(OUT)) $(call option,--seed,$(SEED)) \
	  $(call option,--jobs,$(JOBS)) $(call switch,--no-mends,$(filter no,$(MENDS))) $(call switch,--regrade,$(REGRADE)) \
	  $(call switch,--require-isolation,$(REQUIRE_ISOLATION)) $(lesson)

lesson: $(VENV)/.ready
	@$(RUN) lesson $(lesson)

doctor: $(VENV)/.ready
	@$(RUN) doctor

test: $(VENV)/.ready
	@$(VENV)/bin/python -m pytest -n auto

lint: $(VENV)/.ready
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m ruff format --check --quiet .
	@$(VENV)/bin/python -m mypy

mutation: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.mutation.run

right-forms: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.right_forms.run

bench: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.bench.bench

docs-pictures: $(VENV)/.ready
	@$(VENV)/bin/python docs/make_pictures.py

clean:
	rm -rf grades runs .pytest_cache .mypy_cache .ruff_cache
