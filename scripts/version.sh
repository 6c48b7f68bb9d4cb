#!/bin/sh
# Prints the version of this tree, which is valid for Debian and for rpm:
#
#   a tag v1.2.0                      1.2.0          (v1.2.0-rc1: 1.2.0~rc1)
#   5 commits after it                1.2.0+5.g463fc0c1a2b3
#   no tag, and a changelog of 1.2.0  1.2.0~git20261130111521.463fc0c1a2b3
#   no git, as in a source archive    1.2.0
#
# So each sorts after what is older, and below the version that it leads to. Changed
# files add ".changes" ("+0.changes" to a tag). `version.sh date` prints the date of the
# commit in seconds, for SOURCE_DATE_EPOCH.
set -eu
cd "$(dirname "$0")/.."

# A tree that another user owns is safe to ask for its commit: no hook runs.
git() { command git -c safe.directory="$PWD" "$@"; }

in_git() { [ -e .git ] && command -v git >/dev/null && git rev-parse -q --verify HEAD >/dev/null 2>&1; }

# The first version among the headings of the changelog, such as "## 1.2.0 (2026-11-30)".
changelog() { sed -n 's/^## \[\{0,1\}v\{0,1\}\([0-9][0-9A-Za-z.~+]*\).*/\1/p' CHANGELOG.md | head -n 1; }

if [ "${1:-}" = date ]; then
	if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
		echo "$SOURCE_DATE_EPOCH"
	elif in_git; then
		git log -1 --format=%ct
	else
		date -r CHANGELOG.md +%s
	fi
	exit 0
fi

next=$(changelog)
next=${next:-0.1.0}
if ! in_git; then
	echo "$next"
	exit 0
fi
changes=
[ -z "$(git status --porcelain --untracked-files=no)" ] || changes=.changes
# TAG-COMMITS-gHASH
if described=$(git describe --tags --long --abbrev=12 --match 'v[0-9]*' 2>/dev/null); then
	hash=${described##*-}
	tag=${described%-*}
	count=${tag##*-}
	version=$(printf '%s\n' "${tag%-*}" | sed 's/^v//; s/-/~/g')
	if [ "$count" != 0 ]; then
		version=$version+$count.$hash
	elif [ -n "$changes" ]; then
		version=$version+0
	fi
else
	version=$next~git$(TZ=UTC0 git log -1 --date=format-local:%Y%m%d%H%M%S --format=%cd.%H | cut -c 1-27)
fi
echo "$version$changes"
