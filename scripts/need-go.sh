#!/bin/sh
# Prints the path of a go command that builds this project: the one in PATH if
# it is new enough or fetches a newer toolchain by itself (from 1.21 on), else
# one that is installed on Debian and Ubuntu. Everything else it says goes to
# standard error.
set -eu
cd "$(dirname "$0")/.."
least=$(sed -n 's/^go //p' go.mod)
fetch=$(sed -n 's/^toolchain go//p' go.mod) # the release with its fixes
: "${fetch:=$least}"

at_least() { # at_least VERSION: is version $2 (of go $1) that or newer
	[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

version_of() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//; s/ .*//'; }

candidate() {
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go; do
		[ -n "$go" ] && [ -x "$go" ] || continue
		if at_least "$(version_of "$go")" 1.21; then
			echo "$go"
			return 0
		fi
	done
	return 1
}

# An older go cannot run a newer toolchain by itself, but it can fetch one: a
# toolchain is a module.
fetched() {
	old=$(command -v go) || return 1
	os_arch=$("$old" env GOOS)-$("$old" env GOARCH)
	module="golang.org/toolchain@v0.0.1-go$fetch.$os_arch"
	dir=$(cd / && GO111MODULE=on GOFLAGS=-mod=mod "$old" mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
	[ -n "$dir" ] || return 1
	chmod -R u+w "$dir"
	chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
	echo "$dir/bin/go"
}

if ! go=$(candidate); then
	if ! command -v go >/dev/null; then
		command -v apt-get >/dev/null || { echo "error: Go $least or newer is needed, and this is not Debian or Ubuntu: install it, then try again" >&2; exit 1; }
		sudo=
		[ "$(id -u)" = 0 ] || sudo=sudo
		echo "installing Go" >&2
		{ $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends golang-go ca-certificates; } >&2
	fi
	go=$(candidate) || go=$(fetched) || { echo "error: Go $least or newer is needed, and it could not be fetched: install it, then try again" >&2; exit 1; }
fi
echo "$go"
