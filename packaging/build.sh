#!/bin/sh
# build.sh builds the packages into DIST: VERSION, for each of ARCHS and in each of
# FORMATS. The same source, version and SOURCE_DATE_EPOCH give the same bytes, in any
# directory and on any machine.
set -eu
umask 022
cd "$(dirname "$0")/.."
: "${VERSION:=$(scripts/version.sh)}" "${ARCHS:=amd64 arm64}" "${FORMATS:=deb rpm}" "${DIST:=dist}"
SOURCE_DATE_EPOCH=$(scripts/version.sh date)
export VERSION SOURCE_DATE_EPOCH CGO_ENABLED=0 TZ=UTC0 LC_ALL=C
# Later versions, from 2.46 on, need modules that could not be fetched when this was written.
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

mkdir -p "$DIST"
for format in $FORMATS; do
	rm -f "$DIST"/runsc-provisioner[-_]*."$format" # of another version
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The configuration of nfpm: config FORMAT ARCH.
config() {
	tree=$work/$2/tree
	cat packaging/nfpm.yaml
	echo "version: '$VERSION'"
	echo "arch: $2"
	echo "mtime: $(date -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
	echo "description: |"
	# Debian has the summary in the first line.
	[ "$1" = rpm ] || sed -n 's/^  summary: /  /p' packaging/nfpm.yaml
	sed 's/^./  &/' packaging/description.txt
	[ "$1" = deb ] || echo "changelog: $work/share/changelog.yaml"
	echo contents:
	# Directories of our own, which a package removes. The others are the system's.
	for dir in /etc/runsc-provisioner /usr/share/doc/runsc-provisioner /usr/share/doc/runsc-provisioner/docs; do
		printf -- '- {type: dir, dst: %s, file_info: {mode: 0755}}\n' "$dir"
	done
	find "$tree" -type f -printf '%m %P\n' | sort -k 2 | while read -r mode path; do
		case $1:$path in
		*:etc/*) type='config|noreplace' ;;
		rpm:usr/share/doc/* | rpm:usr/share/man/*) type=doc ;;
		*) type='file' ;;
		esac
		printf -- '- {type: %s, src: %s, dst: /%s, file_info: {mode: 0%s}}\n' "$type" "$tree/$path" "$path" "$mode"
	done
	[ "$1" = rpm ] || printf -- '- {src: %s, dst: %s, file_info: {mode: 0644}}\n' \
		"$work/lintian-overrides" /usr/share/lintian/overrides/runsc-provisioner
}

packaging/compile.sh shared "$work/share"
cp packaging/lintian-overrides "$work"

for arch in $ARCHS; do
	mkdir -p "$work/$arch"
	GOOS=linux GOARCH=$arch packaging/compile.sh program "$work/$arch/runsc-provisioner"
	DESTDIR=$work/$arch/tree PREFIX=/usr SYSCONFDIR=/etc OUT=$work/$arch SHARE=$work/share packaging/tree.sh install
	find "$work/$arch/tree" "$work/lintian-overrides" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	for format in $FORMATS; do
		config "$format" "$arch" >"$work/nfpm.yaml"
		go run "$nfpm" package -f "$work/nfpm.yaml" -p "$format" -t "$DIST/" >&2
	done
done
