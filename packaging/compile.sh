#!/bin/sh
# compile.sh program FILE compiles the program, for GOOS and GOARCH.
# compile.sh shared DIR makes from it what is installed beside it: manual pages,
# completions, config.toml, changelogs, and the licences of the modules in it.
# Nothing of the machine, such as a path or a time, gets into them: the same source,
# VERSION and SOURCE_DATE_EPOCH give the same bytes.
set -eu
cd "$(dirname "$0")/.."
: "${VERSION:=$(scripts/version.sh)}"
SOURCE_DATE_EPOCH=$(scripts/version.sh date)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOFLAGS=''
flags="-s -w -X main.builtAs=$VERSION"

# modules prints "NAME VERSION DIRECTORY" for Go and for each module in the program.
modules() {
	echo "Go $(go env GOVERSION) $(go env GOROOT)"
	GOOS=linux GOARCH=amd64 go list -deps \
		-f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/runsc-provisioner
}

# licenses MODULES prints their licences, which ask to go with a program.
licenses() {
	echo "$1" | LC_ALL=C sort -u | while read -r module version dir; do
		for file in "$dir"/LICEN[SC]E* "$dir"/COPYING* "$dir"/NOTICE*; do
			[ ! -f "$file" ] || printf '=== %s %s: %s\n\n%s\n\n' "$module" "$version" "${file##*/}" "$(cat "$file")"
		done
	done
}

case $1 in
program) exec go build -trimpath -buildvcs=false -ldflags "$flags" -o "$2" ./cmd/runsc-provisioner ;;
shared)
	listed=$(modules)
	licenses "$listed" | go run -trimpath -buildvcs=false -ldflags "$flags" -tags shipped ./cmd/runsc-provisioner -dir "$2" \
		-version "$VERSION" -maintainer "$(sed -n 's/^maintainer: //p' packaging/nfpm.yaml)"
	;;
esac
