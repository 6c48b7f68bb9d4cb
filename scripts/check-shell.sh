#!/bin/sh
# Runs shellcheck over every shell script of the repository, and parses those
# for sh with dash and busybox. As root on Debian and Ubuntu it installs
# what it lacks. Elsewhere it says what is missing.
set -eu
cd "$(dirname "$0")/.."
scripts/need-tools.sh shellcheck:shellcheck
scripts=$(git grep --cached -lE '^#!(/usr)?/bin/(env )?(ba|da)?sh$' -- ':!*.go' ':!*.md' ':!*.txtar')
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2086 # a list
	shellcheck $scripts
else
	echo "shellcheck is missing: the shell scripts are not checked" >&2
fi
for script in $scripts; do
	! head -n 1 "$script" | grep -q bash || continue
	for shell in dash 'busybox sh'; do
		! command -v "${shell% *}" >/dev/null || $shell -n "$script"
	done
done
