# What can be made here: `make help`.  Everything runs in .venv, which is made when it is needed.

PYTHON ?= python3
PORT ?= 8000
BROWSER ?= yes

BIN := .venv/bin
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest
BUILD := OMP_NUM_THREADS=1 $(BIN)/jupyter-book build . -W -n --keep-going
HTML := _build/html/book/index.html

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help environment book test check serve lab references figures clean

help: ## show this list
	@echo "Signal propagation in deep networks: make one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo "PYTHON=python3.12 names another Python (3.11 to 3.13), PORT=8001 another port of \`serve\`,"
	@echo "CHROMIUM=/path another browser; BROWSER=no tests without one."

book: environment ## execute the chapters that changed and build the HTML
	$(BUILD)
	@echo
	@echo "The book is built: open $(CURDIR)/$(HTML) in a browser, or run \`make serve\`."

test: environment ## check everything: style, types, package, chapters, built pages (10 minutes)
ifneq ($(BROWSER),no)
	@$(BIN)/python -m bookkit.browser > /dev/null
endif
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 2 --ignore tests/site
	$(BUILD)
	$(PYTEST) tests/site -m "not browser"
ifneq ($(BROWSER),no)
	$(PYTEST) -n 2 tests/site -m browser
else
	@echo "NOT TESTED: the built pages in a browser (BROWSER=no)."
endif

serve: ## serve the built book on this machine
	@test -f $(HTML) || { echo "There is no book yet: run \`make book\`."; exit 1; }
	@echo "Open http://localhost:$(PORT)/book/index.html; stop with Ctrl+C."
	$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: environment ## open the chapters as notebooks in JupyterLab
	JUPYTER_CONFIG_PATH="$(CURDIR)/lib/bookkit/lab" $(BIN)/jupyter lab \
	    --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/book/index.md

references: environment ## take what chapters print and tests compute as the new references
	@mkdir -p tests/references
	$(PYTEST) -n 2 --update-references book tests/references
	$(PYTEST) -n 2 --regen-all -m "not mpl_image_compare" tests/signalprop
	@git status --short tests

figures: environment ## draw the baseline images of the figures anew
	$(PYTEST) -m mpl_image_compare -W "ignore:Ignoring --mpl" \
	    --mpl-generate-path=tests/baseline tests/signalprop
	@git status --short tests

clean: ## remove what was built, but not .venv
	rm -rf _build
	find lib tests -name __pycache__ -prune -exec rm -rf {} +

environment:
	@$(PYTHON) lib/bookkit/environment.py
