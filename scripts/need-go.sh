#!/bin/sh
# Prints the path of a go command that builds this project. It takes the one in
# PATH if that is new enough, or can fetch a newer toolchain (from 1.21 on).
# Otherwise it installs one, on Debian and Ubuntu. All other output goes to
# standard error.
set -eu
cd "$(dirname "$0")/.."
least=$(sed -n 's/^go //p' go.mod)
fetch=$(sed -n 's/^toolchain go//p' go.mod) # the patch release to fetch
: "${fetch:=$least}"

at_least() { # at_least VERSION WANTED: VERSION is WANTED or newer
	[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

version_of() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//; s/ .*//'; }

candidate() {
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go; do
		[ -x "$go" ] || continue
		if at_least "$(version_of "$go")" 1.21; then
			echo "$go"
			return 0
		fi
	done
	return 1
}

# A go before 1.21 cannot run a newer toolchain by itself, but it can fetch one,
# because a toolchain is a module.
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
		command -v apt-get >/dev/null || { echo "error: no Go found, and this is not Debian or Ubuntu: install Go $least or newer, then try again" >&2; exit 1; }
		sudo=
		[ "$(id -u)" = 0 ] || sudo=sudo
		echo "installing Go" >&2
		{ $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends golang-go ca-certificates; } >&2
	fi
	go=$(candidate) || go=$(fetched) || { echo "error: Go $fetch could not be fetched: install Go $least or newer, then try again" >&2; exit 1; }
fi
echo "$go"
