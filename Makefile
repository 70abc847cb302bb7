# Every target sets up .venv by itself when it is missing or older than requirements.lock.

PYTHON ?= python3
VENV := .venv
RUN := GRADER_BY_MAKE=1 $(VENV)/bin/python -m grader
unexport PYTHONPATH  # nothing but .venv and the kit is imported

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
ALL ?=
JSON ?=
MENDS ?=
REGRADE ?=
REQUIRE_ISOLATION ?=
FORMAT ?=
RESULTS ?= grades
ROSTER ?=
EACH ?=
COLUMN ?=
RESCALE ?=
OVERWRITE ?=
ASSIGNMENT ?=
UNDER ?=
KIT ?=
CLUSTER ?=
PAIRS ?=
CHECK ?=
SEEDS ?=

# A misspelt variable would be ignored without a word.
KNOWN := SUBMISSIONS OUT STEP LEVEL SUBMISSION NAMES STEPS SEED JOBS LESSON VERBOSE ALL JSON MENDS REGRADE \
  REQUIRE_ISOLATION FORMAT RESULTS ROSTER COLUMN RESCALE OVERWRITE ASSIGNMENT UNDER KIT CLUSTER PAIRS CHECK SEEDS PYTHON VENV
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
upper = $(subst -,_,$(shell echo '$(1)' | tr '[:lower:]' '[:upper:]'))
misspelt := $(foreach name,$(filter-out $(KNOWN),$(given)),$(if $(filter $(call upper,$(name)),$(KNOWN)),$(name)))
$(foreach name,$(misspelt),$(error there is no variable $(name); did you mean $(call upper,$(name))?))

# an option only where its variable is set; a leading ~ is the home folder in every shell
option = $(if $(2),$(1) "$(patsubst ~/%,$(HOME)/%,$(2))")
switch = $(if $(2),$(1))
lesson = $(call option,--lesson,$(LESSON))
each = $(call switch,--each-path,$(filter path,$(EACH))) $(call switch,--each-folder,$(filter folder,$(EACH))) $(call switch,--each-file,$(filter file,$(EACH)))
not_yet = || [ $$? -eq 1 ]  # 1: some steps are not right yet, which is no error of make's

.DEFAULT_GOAL := help
.PHONY: help setup check watch hint explain train map grade export copies lesson release doctor test test-all test-quick lint mutation right-forms \
  seeds bench docs-pictures clean

help:
	@echo "For students"
	@echo "  make watch                  check again on every save, hints and all: keep it open beside your editor"
	@echo "  make check                  all your answers in exercises/mlp at a glance; ALL=1 shows every message"
	@echo "  make check STEP=dprobs      check one step (or an exercise: STEP=ex1_chain)"
	@echo "  make hint STEP=dprobs       a hint on your own answer; LEVEL=2 the rule, LEVEL=3 nearly the line"
	@echo "  make explain STEP=dprobs    the solution and its reasons, once yours is right (where solutions/ is)"
	@echo "  make train                  train the network with your own backward pass"
	@echo "  make map SUBMISSION=exercises/mlp"
	@echo "                              the network's graph with your verdicts, as a page: map.html, or OUT=FILE"
	@echo "For instructors"  # BEGIN INSTRUCTOR
	@echo "  make grade                  grade data/class into grades/"
	@echo "  make grade SUBMISSIONS=DIR OUT=DIR"
	@echo "                              grade any folder of submissions; SEED=, JOBS= if you like;"
	@echo "                              MENDS=no looks for no mends; REGRADE=1 grades unchanged ones again;"
	@echo "                              REQUIRE_ISOLATION=1 runs sealed or not at all; ROSTER=CSV names who is missing;"
	@echo "                              EACH=folder (or file, path) says what one student is, where names do not"
	@echo "  make export FORMAT=canvas RESULTS=DIR ROSTER=CSV"
	@echo "                              grades for the host: canvas, moodle, nbgrader, junit, exercism,"
	@echo "                              gradescope (autograder.zip), github-workflow KIT=OWNER/REPO@REF;"
	@echo "                              RESCALE=1 where the host counts to other points, OVERWRITE=1 replaces"
	@echo "                              scores that somebody entered there"
	@echo "  make copies SUBMISSIONS=DIR OUT=FILE"
	@echo "                              which submissions look alike, side by side; no verdict"
	@echo "  make check SUBMISSION=DIR   the self-check on somebody's answers; VERBOSE=1 shows every case and the mend"
	@echo "  make release                the zip for students: no solutions; into dist/, or OUT=FILE.zip"
	@echo "For those who write lessons"
	@echo "  make lesson                 cut the exercises from the solutions, verify both"  # END INSTRUCTOR
	@echo "For everybody"
	@echo "  make doctor                 what this machine has, and what is missing"
	@echo "  make test                   the kit's own tests"
	@echo "  make setup                  .venv alone"
	@echo "For those who work on the kit"  # BEGIN INSTRUCTOR
	@echo "  make lint                   ruff and mypy      make test-quick   a part of each test"
	@echo "  make test-all               all of what make test tries a sample of"
	@echo "  make mutation               thousands of wrong answers against the judge    make right-forms   right ones"
	@echo "  make seeds                  the verdicts of the whole corpus at 100 seeds, which are the same; or SEEDS=N"
	@echo "  make bench                  what it costs, measured"
	@echo "  make docs-pictures          draw the pictures of the README from real runs"  # END INSTRUCTOR

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
	@$(RUN) check $(call option,,$(SUBMISSION)) $(STEP) $(call switch,--all,$(ALL)) $(call switch,--json,$(JSON)) \
	  $(call switch,--verbose,$(VERBOSE)) $(lesson) $(not_yet)

hint: $(VENV)/.ready
	@test -n "$(STEP)" || { echo "which step? make hint STEP=dprobs"; exit 2; }
	@$(RUN) hint $(STEP) $(call option,,$(SUBMISSION)) --level $(LEVEL) $(lesson)

watch: $(VENV)/.ready
	@$(RUN) watch $(call option,,$(SUBMISSION)) $(lesson)

explain: $(VENV)/.ready
	@test -n "$(STEP)" || { echo "which step? make explain STEP=dprobs"; exit 2; }
	@$(RUN) explain $(STEP) $(call option,,$(SUBMISSION)) $(lesson) $(not_yet)

train: $(VENV)/.ready
	@$(RUN) train $(call option,,$(SUBMISSION)) $(call option,--names,$(NAMES)) $(call option,--steps,$(STEPS)) \
	  $(call option,--out,$(OUT)) $(lesson)

map: $(VENV)/.ready
	@$(RUN) map $(call option,,$(SUBMISSION)) $(call option,--out,$(OUT)) $(lesson)

# BEGIN INSTRUCTOR
grade: $(VENV)/.ready
	@$(RUN) grade $(call option,,$(SUBMISSIONS)) $(call option,--out,$(OUT)) $(call option,--seed,$(SEED)) \
	  $(call option,--jobs,$(JOBS)) $(call option,--cluster,$(CLUSTER)) $(call switch,--no-mends,$(filter no,$(MENDS))) \
	  $(call switch,--regrade,$(REGRADE)) $(call option,--roster,$(ROSTER)) $(each) \
	  $(call switch,--require-isolation,$(REQUIRE_ISOLATION)) $(lesson)

export: $(VENV)/.ready
	@test -n "$(FORMAT)" || { echo "which format? make export FORMAT=canvas ROSTER=gradebook.csv; see make help"; exit 2; }
	@$(RUN) export $(FORMAT) $(call option,,$(RESULTS)) $(call option,--out,$(OUT)) $(call option,--roster,$(ROSTER)) \
	  $(call option,--column,$(COLUMN)) $(call option,--kit,$(KIT)) $(call option,--seed,$(SEED)) \
	  $(call switch,--rescale,$(RESCALE)) $(call switch,--overwrite,$(OVERWRITE)) \
	  $(call option,--assignment,$(ASSIGNMENT)) $(call option,--under,$(UNDER)) $(lesson)

copies: $(VENV)/.ready
	@$(RUN) copies $(call option,,$(SUBMISSIONS)) $(call option,--out,$(OUT)) $(call option,--pairs,$(PAIRS)) \
	  $(each) $(lesson)

lesson: $(VENV)/.ready
	@$(RUN) lesson $(call switch,--check,$(CHECK)) $(lesson)

release: $(VENV)/.ready
	@$(RUN) release $(call option,--out,$(OUT)) $(lesson)
# END INSTRUCTOR

doctor: $(VENV)/.ready
	@$(RUN) doctor

test: $(VENV)/.ready
	@$(VENV)/bin/python -m pytest -n auto

# BEGIN INSTRUCTOR
test-all: $(VENV)/.ready
	@THOROUGH=1 $(VENV)/bin/python -m pytest -n auto

test-quick: $(VENV)/.ready
	@$(VENV)/bin/python -m pytest -n auto --quick

lint: $(VENV)/.ready
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m ruff format --check --quiet .
	@$(VENV)/bin/python -m mypy

mutation: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.mutation.run

right-forms: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.right_forms.run

seeds: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.seeds.run $(call option,--seeds,$(SEEDS))

bench: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.bench.bench

docs-pictures: $(VENV)/.ready
	@$(VENV)/bin/python docs/make_pictures.py
# END INSTRUCTOR

clean:
	rm -rf grades runs .pytest_cache .mypy_cache .ruff_cache
