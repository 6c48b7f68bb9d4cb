#!/bin/sh
# Makes a release of the packages in a directory: beside them the programs, an
# SBOM for each, install.sh, an apt and a dnf repository, checksums, and
# signatures. The same commit gives the same bytes.
#
#   scripts/release.sh DIR
#
# The environment, all optional:
#   RELEASE_SIGNING_KEY  the key that signs: a fingerprint that gpg knows, or a
#                        file with the secret key. Without it nothing is signed.
#   RELEASE_URL          where DIR will be published: https://… or file:///…
#   RELEASE_EARLIER      a directory with packages of earlier releases, which
#                        the repositories go on to offer
set -eu
umask 022
export LC_ALL=C TZ=UTC
name=runsc-provisioner
sbom_tool=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

die() {
	echo "error: $1" >&2
	exit 1
}

# fail shows the log of the command that has failed.
fail() {
	cat "$work/log" >&2
	exit 1
}

[ $# = 1 ] || die "usage: scripts/release.sh DIR, a directory with the packages"
source=$(cd "$(dirname "$0")/.." && pwd)
earlier=${RELEASE_EARLIER:-}
[ -z "$earlier" ] || earlier=$(realpath -e "$earlier")
key=${RELEASE_SIGNING_KEY:-}
[ ! -f "$key" ] || key=$(realpath "$key")
cd "$1"
: "${SOURCE_DATE_EPOCH:=$(git -C "$source" log -1 --format=%ct)}"
: "${GO:=$("$source"/scripts/need-go.sh)}"
export SOURCE_DATE_EPOCH
case ${RELEASE_URL=} in # what install.sh allows
*[!A-Za-z0-9._~:/%+,=-]*) die "RELEASE_URL: use letters, digits and ._~:/%+,=- only" ;;
'' | https://?* | file:///?*) ;;
*) die "RELEASE_URL: want https://… or file:///…" ;;
esac

need() {
	for program in "$@"; do
		command -v "$program" >/dev/null || die "the program $program is missing: make release installs it as root"
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# The packages are of one version, each kind for both architectures.
check_packages() {
	for kind in _amd64.deb _arm64.deb .x86_64.rpm .aarch64.rpm; do
		set -- *"$kind"
		[ "$*" != "*$kind" ] || die "$PWD has no package *$kind"
		[ $# = 1 ] || die "$PWD has more than one package *$kind: $*"
	done
	version=$(dpkg-deb --field ./*_amd64.deb Version)
	set -- "$(dpkg-deb --field ./*_arm64.deb Version)"
	[ "$version" = "$1" ] || die "the packages are of two versions: $version and $1"
	case $version in
	*[~+]*) ;; # not a tag
	*)
		grep -qF "## [$version] - 2" "$source/CHANGELOG.md" ||
			die "CHANGELOG.md has no date for $version: want a line '## [$version] - YYYY-MM-DD'"
		;;
	esac
}

# The programs are the packages' own, so that there is one build of each.
unpack_programs() {
	for arch in amd64 arm64; do
		program=${name}_${version}_linux_$arch
		dpkg-deb --fsys-tarfile "${name}_${version}_$arch.deb" | tar -xO "./usr/bin/$name" >"$program"
		chmod 755 "$program"
		list_modules "$program" >"$program.cdx.json"
	done
}

# list_modules PROGRAM prints the modules that a program was built from, as
# CycloneDX. The tool would put in the time of the run. It also puts in its own
# digest, so it is built with -trimpath.
list_modules() {
	(cd "$source" && CGO_ENABLED=0 "$GO" run -trimpath "$sbom_tool" bin -json -std -licenses \
		-noserial -notimestamp -version "$version" "$OLDPWD/$1") >"$work/sbom.json" 2>"$work/log" || fail
	grep -q '^  "metadata": {$' "$work/sbom.json" || die "$sbom_tool: unknown output"
	timestamp="\"timestamp\": \"$(date -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)\","
	sed "s/^  \"metadata\": {\$/&\\n    $timestamp/" "$work/sbom.json"
}

# copy_packages SUFFIX DIR copies the packages, and those of earlier releases.
copy_packages() {
	mkdir -p "$2"
	cp -- *."$1" "$2"
	[ -z "$earlier" ] || find "$earlier" -maxdepth 1 -name "*.$1" -exec cp -n -t "$2" {} +
	touch -d "@$SOURCE_DATE_EPOCH" "$2"/* # createrepo_c notes it
}

index() { apt-ftparchive -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false "$@"; }

# The order of a directory must not show, so each package is listed by itself.
make_apt_repository() {
	pool=pool/main/r/$name
	copy_packages deb "apt/$pool"
	for arch in amd64 arm64; do
		lists=apt/dists/stable/main/binary-$arch
		mkdir -p "$lists"
		for deb in "apt/$pool"/*_"$arch".deb; do
			(cd apt && index packages "${deb#apt/}")
		done >"$lists/Packages"
		gzip -9n <"$lists/Packages" >"$lists/Packages.gz"
	done
	index -o APT::FTPArchive::Release::Origin=$name -o APT::FTPArchive::Release::Label=$name \
		-o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Codename=stable \
		-o APT::FTPArchive::Release::Components=main \
		-o APT::FTPArchive::Release::Architectures='amd64 arm64' release apt/dists/stable >"$work/Release"
	sed "s/^Date: .*/Date: $(date -R -d "@$SOURCE_DATE_EPOCH")/" "$work/Release" >apt/dists/stable/Release
}

make_dnf_repository() {
	copy_packages rpm dnf/Packages
	createrepo_c --quiet --workers=1 --general-compress-type=gz --no-database \
		--revision="$SOURCE_DATE_EPOCH" --set-timestamp-to-revision dnf
}

# import_key makes a keyring of its own if the key is a file, and writes the public key.
import_key() {
	need gpg gpgconf
	if [ -f "$key" ]; then
		GNUPGHOME=$work/gnupg
		export GNUPGHOME
		mkdir -m 700 "$GNUPGHOME"
		trap 'gpgconf --kill all; rm -rf "$work"' EXIT
		gpg --batch --quiet --import "$key"
		set -- "$(gpg --batch --with-colons --list-secret-keys | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1)"
		key=$1
	fi
	gpg --batch --with-colons --list-keys "$key" >"$work/colons" ||
		die "RELEASE_SIGNING_KEY: no such key"
	# Signatures have the time of the commit, so that they are the same each time. But a signature
	# that is older than its key is refused, and so is one of a key that cannot sign today.
	signed_at=$(sed -n 's/^[ps]ub:[^:]*:[^:]*:[^:]*:[^:]*:\([0-9]*\):.*/\1/p' "$work/colons" |
		{ cat; echo "$SOURCE_DATE_EPOCH"; } | sort -n | tail -n 1)
	echo test | gpg --batch --local-user "$key" --detach-sign >/dev/null ||
		die "RELEASE_SIGNING_KEY: this key cannot sign today"
	gpg --batch --armor --export-options export-minimal --export "$key" >$name.asc
}

# sign OUT GPG-ARGUMENTS
sign() {
	out=$1
	shift
	gpg --batch --quiet --yes --local-user "$key" --digest-algo SHA512 \
		--faked-system-time "$signed_at!" --armor --output "$out" "$@" 2>"$work/log" || fail
}

sign_repositories() {
	sign apt/dists/stable/InRelease --clear-sign apt/dists/stable/Release
	sign apt/dists/stable/Release.gpg --detach-sign apt/dists/stable/Release
	sign dnf/repodata/repomd.xml.asc --detach-sign dnf/repodata/repomd.xml
}

# What hosts need to use the repositories: files that name the URL and the key.
write_sources() {
	{
		printf 'Types: deb\nURIs: %s/apt\nSuites: stable\nComponents: main\nSigned-By:\n' "$RELEASE_URL"
		sed 's/^$/./; s/^/ /' $name.asc
	} >$name.sources
	printf '[%s]\nname=%s\nbaseurl=%s/dnf\nenabled=1\ngpgkey=%s/%s.asc\nrepo_gpgcheck=1\n' \
		$name $name "$RELEASE_URL" "$RELEASE_URL" $name >$name.repo
	# The signed index has the digest of each package.
	echo gpgcheck=0 >>$name.repo
}

write_installer() {
	public=
	[ ! -f $name.asc ] || public=$(cat $name.asc)
	while IFS= read -r line; do
		case $line in
		"release_url=''") line="release_url='$RELEASE_URL'" ;;
		"release_key=''") line="release_key='$public'" ;;
		esac
		printf '%s\n' "$line"
	done <"$source/install.sh" >install.sh
	chmod 755 install.sh
	sh -n install.sh
}

need dpkg-deb apt-ftparchive createrepo_c
check_packages
[ -z "$key" ] || import_key
unpack_programs
make_apt_repository
make_dnf_repository
if [ -n "$key" ]; then
	sign_repositories
	[ -z "$RELEASE_URL" ] || write_sources
fi
write_installer
find . -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
find . -type f | sed 's,^\./,,' | sort >"$work/files"
xargs -d '\n' sha256sum <"$work/files" >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" SHA256SUMS
if [ -n "$key" ]; then
	sign SHA256SUMS.asc --detach-sign SHA256SUMS
	echo "release $version in $PWD, signed by $key"
else
	echo "release $version in $PWD"
	echo "UNSIGNED: do not publish it. apt and dnf refuse it, and install.sh cannot check who made it." >&2
	echo "Set RELEASE_SIGNING_KEY to the fingerprint or the file of a key to sign it." >&2
fi
