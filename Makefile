# Everything here runs from a fresh clone on Debian or Ubuntu, and installs what
# is missing. `make` alone lists the targets.

GO = $(eval GO := $$(shell scripts/need-go.sh))$(if $(GO),$(GO),$(error no Go))
# The lab calls go too, and must find the same one.
RUN_GO = PATH="$(dir $(GO)):$$PATH" $(GO)
export GOTOOLCHAIN ?= auto
export CGO_ENABLED := 0

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
TREE = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' packaging/tree.sh
VERSION ?= $(shell scripts/version.sh)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
MISSPELL := github.com/golangci/misspell/cmd/misspell@v0.8.0
COMPILE = PATH="$(dir $(GO)):$$PATH" VERSION='$(VERSION)' packaging/compile.sh
# What bin/ is made from: if it is newer than all of this, make install only copies.
SOURCES = $(shell find cmd daemonjson packaging pattern provision systemd verify -type f ! -name '*_test.go') go.mod go.sum CHANGELOG.md
# Under sudo, the user who called it compiles: a build runs no program as root, and leaves no file of
# root's in the tree or in a cache.
AS_USER = $(and $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER)),runuser -u $(SUDO_USER) -- env HOME=$(shell getent passwd $(SUDO_USER) | cut -d: -f6))

# The lab needs root. Without root only the other tests run, and a line says so.
LAB := $(if $(filter 0,$(shell id -u)),RUNSC_LAB=1)

# UNITS need no lab. RACING are those of them that run things at the same time.
UNITS = $$($(RUN_GO) list ./... | grep -vE '/test/(bench|e2e|installed|kill|lab|packages|soak)(/|$$)')
RACING = $$($(RUN_GO) list ./provision/... ./systemd ./verify | grep -v /provision/release)

.DEFAULT_GOAL := help
.PHONY: help build install uninstall packages release try test test-quick test-race test-kill test-suites matrix pages picture semantics soak check bench engines lab golden fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/runsc-provisioner, a static binary, and bin/share: manual pages, completions, config.toml
	@mkdir -p bin
	$(COMPILE) program bin/runsc-provisioner
	@$(COMPILE) shared bin/share
	@touch bin/built

bin/built: $(SOURCES)
	$(AS_USER) $(MAKE) --no-print-directory build

install: bin/built ## install the program (PREFIX, DESTDIR) with its unit, manual pages and completions; compiles only what is out of date, and not as root
	@$(TREE) install
	@if [ -z "$(DESTDIR)" ] && command -v docker >/dev/null 2>&1; then printf '\nnow:  sudo runsc-provisioner apply\n'; fi

uninstall: ## remove what make install has installed (PREFIX, DESTDIR); Docker's settings stay
	@$(TREE) uninstall
	@if [ -z "$(DESTDIR)" ]; then printf 'removed; Docker, its settings and the releases of gVisor stay as they are\n'; fi

packages: ## build the deb and rpm packages of amd64 and arm64 into dist/; the same source gives the same bytes
	@PATH="$(dir $(GO)):$$PATH" VERSION='$(VERSION)' packaging/build.sh

release: ## build all that is published into dist/: packages, programs, SBOMs, repositories, checksums (CONTRIBUTING.md)
	@scripts/need-tools.sh
	rm -rf dist
	$(MAKE) packages
	GO=$(GO) scripts/release.sh dist

try: ## watch it provision a real throwaway host (needs root)
	@$(RUN_GO) run ./test/lab/cmd/try

test: ## run all tests; as root also the lab tests
	@scripts/need-tools.sh lintian:lintian rpmlint:rpmlint shellcheck:shellcheck man:man-db mandoc:mandoc
	$(LAB) $(RUN_GO) test -count=1 -timeout=120m $(if $(RUN),-run '$(RUN)') ./...

test-quick: ## run the tests that need neither the lab nor a network (cached ones are not repeated)
	$(RUN_GO) test -p 4 -parallel 8 $(if $(RUN),-run '$(RUN)') $(UNITS)

test-race: ## run the tests of concurrent packages under the race detector, without the lab
	@scripts/need-tools.sh 'gcc:gcc libc6-dev'
	CGO_ENABLED=1 $(RUN_GO) test -race $(RACING)
	CGO_ENABLED=1 $(RUN_GO) test -race -run 'TestFault_D0' ./provision/release # downloads; all of it takes minutes

test-kill: ## kill or signal a run at every instant, and lose its writes at every rename (needs root)
	@scripts/need-tools.sh
	RUNSC_KILL_EVERY=$(or $(EVERY),1) $(LAB) $(RUN_GO) test -count=1 -timeout=180m -v -run 'TestFault_(F0[12]|X01|X14)' ./test/kill

test-suites: ## run the tests of hosts on every suite of Debian; make test takes one of them at random for most (needs root)
	@scripts/need-tools.sh
	RUNSC_SUITES=all $(LAB) $(RUN_GO) test -count=1 -timeout=180m -v $(if $(RUN),-run '$(RUN)') ./test/e2e

matrix: engines ## try each promise on each Docker, and write docs/compatibility.md (needs root; goes on where it stopped)
	RUNSC_MATRIX=1 RUNSC_SUITES=all $(LAB) $(RUN_GO) test -count=1 -timeout=180m -v -run 'TestMatrix|TestPackage|TestPublish|TestUninstall|TestCapabilities|TestBuilds_(InSandboxAndOut|Real)|TestUserns_(OnAndOffAgain|BesideAlice|MigratesImages)|TestFault_U05|TestNames_(ComposeProject|LosesNoLine)|TestPages' ./test/e2e
	for engine in 20.10 26.1 29; do RUNSC_ENGINE=$$engine RUNSC_ROUNDS=200 $(LAB) $(RUN_GO) test -count=1 -timeout=60m -v -run TestNames_RandomRounds ./test/e2e || exit 1; done

pages: ## run every command of README.md and docs on throwaway hosts, and compare (UPDATE=1 writes the outputs again; needs root)
	@scripts/need-tools.sh
	RUNSC_PAGES=all RUNSC_SUITES=$(if $(UPDATE),,all) $(if $(UPDATE),RUNSC_SEED=0) $(LAB) $(RUN_GO) test -count=1 -timeout=60m -v -run '$(or $(RUN),TestPages)' ./test/e2e $(if $(UPDATE),-update)

picture: ## write docs/session.svg again, from a session on a throwaway host (needs root)
	@$(RUN_GO) run ./test/lab/cmd/picture docs/session.svg

semantics: ## print what Docker's commands mean under runc, under runsc as apply makes it, and as runsc install leaves it (needs root; ENGINES=all adds the newest Docker)
	@scripts/need-tools.sh
	RUNSC_SEMANTICS=$(or $(ENGINES),1) $(LAB) $(RUN_GO) test -count=1 -timeout=120m -v -run TestSemantics ./test/e2e

soak: ## test the daemon with random drift and Docker restarts, and verify with random containers (SOAK=30m, ROUNDS=1000, SEED=…; needs root)
	@scripts/need-tools.sh
	RUNSC_SOAK=$(or $(SOAK),10m) RUNSC_SEED=$(SEED) RUNSC_ROUNDS=$(ROUNDS) $(LAB) $(RUN_GO) test -count=1 -timeout=0 -v -run '$(or $(RUN),TestSoak)' ./test/soak

check: ## run gofmt, vet, staticcheck, golangci-lint, shellcheck and actionlint; check spelling and that go.mod is tidy
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(RUN_GO) vet ./...
	$(RUN_GO) vet -tags shipped ./cmd/runsc-provisioner
	$(RUN_GO) run $(STATICCHECK) ./...
	$(RUN_GO) run $(GOLANGCI) run ./...
	$(RUN_GO) run $(MISSPELL) -error $$(git ls-files '*.md' '*.sh' Makefile packaging)
	scripts/check-shell.sh
	$(RUN_GO) run $(ACTIONLINT)
	$(RUN_GO) mod tidy -diff

bench: ## measure against peers; uses the lab where it needs a host
	$(LAB) $(RUN_GO) run ./test/bench

engines: ## build each version of dockerd that `make matrix` needs (needs root; minutes each, cached)
	@scripts/need-tools.sh 'gcc:gcc libc6-dev' 'scmp_sys_resolver:seccomp libseccomp-dev pkg-config'
	@$(RUN_GO) run ./test/lab/cmd/lab engines

lab: ## open a shell in a throwaway host
	@$(RUN_GO) run ./test/lab/cmd/lab shell

golden: ## write the expected outputs of the command tests, and what docs have from the code, again
	$(RUN_GO) test -count=1 ./cmd/runsc-provisioner -run 'TestScript|TestReference' -update

fuzz: ## run each fuzz target (FUZZTIME=30s)
	@for pkg in $$($(RUN_GO) list ./...); do \
		for target in $$($(RUN_GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; $(RUN_GO) test $$pkg -run '^$$' -fuzz "^$$target$$" -fuzzminimizetime 10x -fuzztime $(or $(FUZZTIME),30s) || exit 1; \
		done; \
	done
