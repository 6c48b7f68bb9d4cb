#!/bin/sh
# Installs the package of a runsc-provisioner release on this host:
#
#   sudo sh install.sh --from URL [--keyring FILE] [--dry-run]
#
# It checks before it installs. With the release key, SHA256SUMS must have a good signature. The package must
# have the checksum that SHA256SUMS says. Docker and its configuration stay as they are.
#
# Everything is in functions, and the last line calls them: a shell that gets only a part of this file does
# nothing.

# `make release` writes its own URL and public key here, if it is given them.
release_url=''
release_key=''

usage() {
	cat <<'END'
usage: sudo sh install.sh --from URL [--keyring FILE] [--dry-run]

Installs the .deb or .rpm of a runsc-provisioner release that fits this host.

  --from URL      the directory of the release: https://… or file:///…
  --keyring FILE  check the signature of SHA256SUMS with the OpenPGP keys in FILE
  --dry-run       download and check everything, but install nothing; needs no root
END
}

main() {
	set -eu
	umask 022
	LC_ALL=C PATH=$PATH:/usr/sbin:/sbin # su without - leaves these out, and dpkg needs them
	export LC_ALL PATH
	from=$release_url keyring='' dry_run='' dir='' download=''
	read_arguments "$@"
	check_host

	trap '' HUP INT PIPE TERM # until the traps know the directory
	dir=$(mktemp -d /tmp/runsc-provisioner.XXXXXX)
	chmod 755 "$dir" # apt reads the package as another user
	trap clean EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM

	fetch SHA256SUMS 64
	check_signature
	choose_package
	say download "$package"
	fetch "$package" 131072
	check_package
	install_package
}

# die CODE MESSAGE HINT: the exit codes are those of runsc-provisioner.
die() {
	printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
	exit "$1"
}

say() { printf '%-10s %s\n' "$1" "$2"; }

clean() {
	trap '' HUP INT PIPE TERM # a second Ctrl-C leaves no files behind
	if [ -n "$download" ]; then
		kill "$download" 2>/dev/null || :
		wait "$download" 2>/dev/null || :
	fi
	rm -rf "$dir"
}

read_arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		--from | --keyring)
			[ $# -gt 1 ] || die 64 "$1 needs a value" "sh install.sh --help"
			if [ "$1" = --from ]; then from=$2; else keyring=$2; fi
			shift
			;;
		--from=*) from=${1#*=} ;;
		--keyring=*) keyring=${1#*=} ;;
		--dry-run) dry_run=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		*) die 64 "unknown argument $1" "sh install.sh --help" ;;
		esac
		shift
	done
	from=${from%/}
	case $from in
	'')
		die 64 "no release to install from" "add --from https://…, the directory with SHA256SUMS"
		;;
	*[!A-Za-z0-9._~:/%+,=-]*)
		die 64 "--from: a character of the URL is not allowed" "use letters, digits and ._~:/%+,=- only"
		;;
	https://?* | file:///?*) ;;
	*) die 64 "--from $from: only https:// and file:/// are safe from changes on the way" "use https://…" ;;
	esac
	[ -z "$keyring" ] || [ -f "$keyring" ] ||
		die 64 "--keyring $keyring: no such file" "pass the file with the release's public key"
}

# check_host sets kind and arch. A host can have both dpkg and rpm: the one that owns the os-release file manages
# it.
check_host() {
	[ "$(uname -s)" = Linux ] || die 78 "this is $(uname -s), and gVisor needs Linux" "use a Linux host"
	if dpkg-query -S /usr/lib/os-release >/dev/null 2>&1 && has apt-get; then
		kind=deb
		arch=$(dpkg-query -W -f '${Architecture}' dpkg) || die 78 "dpkg does not tell its architecture" "mend dpkg"
	elif rpm -qf /usr/lib/os-release >/dev/null 2>&1 || rpm -qf /etc/os-release >/dev/null 2>&1; then
		kind=rpm arch=$(uname -m)
	else
		die 78 "neither apt nor rpm manages this host: there is no package for it" \
			"build it from source: make install"
	fi
	case $arch in
	amd64 | arm64 | x86_64 | aarch64) ;;
	*) die 78 "there is no package for $arch: only for amd64 and arm64" "use an amd64 or arm64 host" ;;
	esac
	[ ! -e /run/ostree-booted ] ||
		die 78 "this host boots an image, which has the packages in it" "see docs/image-based.md"
	[ -n "$dry_run" ] || [ "$(id -u)" = 0 ] ||
		die 77 "only root can install packages" "run it with sudo, or with --dry-run"
	for program in mktemp sha256sum timeout; do
		has "$program" || die 78 "the program $program is missing" "install coreutils"
	done
}

has() { command -v "$1" >/dev/null 2>&1; }

# fetch NAME KIB gets a file of the release: at most so large, in at most ten minutes. The program runs in the
# background, because a signal interrupts wait at once.
fetch() {
	to=$dir/$1
	case $from in
	file://*) set -- "$1" "$2" cp "${from#file://}/$1" "$to" ;;
	*)
		if has curl; then
			# -q: without the user's .curlrc, which may switch checks off. --proto: redirects count, too.
			set -- "$1" "$2" curl -q -fsSL --proto =https --tlsv1.2 --max-redirs 5 \
				--connect-timeout 20 --retry 2 -o "$to" "$from/$1"
		elif wget --version 2>/dev/null | grep -q '^GNU Wget'; then # busybox's checks no certificate
			set -- "$1" "$2" wget --no-config -nv --max-redirect=0 --timeout=20 --tries=3 -O "$to" "$from/$1"
		else
			die 78 "neither curl nor GNU wget is here to download with" "install curl, then try again"
		fi
		;;
	esac
	name=$1 limit=$2
	shift 2
	: >"$to"
	(
		# shellcheck disable=SC3045 # dash, ash and bash have it: no core file of a program that writes too much
		ulimit -c 0
		ulimit -f $((limit * 2)) # in blocks of 512 bytes
		exec timeout 600 "$@" 2>"$dir/fetch.log"
	) &
	download=$!
	status=0
	wait "$download" || status=$?
	download=''
	[ "$status" != 0 ] || return 0
	sed 's/^/  /' "$dir/fetch.log" >&2
	[ "$(wc -c <"$to")" -lt $((limit * 1024)) ] ||
		die 65 "$from/$name is larger than $limit KiB: refused" "is the URL the directory of a release?"
	[ "$status" != 124 ] || die 75 "$from/$name: not here after ten minutes" "try again"
	die 75 "$from/$name could not be downloaded" "check the URL and the network, then try again"
}

# check_signature checks who made SHA256SUMS, if there is a key. It fails if it cannot use a key that the user has
# named. The key in this file is used if gpgv or sqv is here.
check_signature() {
	if [ -z "$keyring$release_key" ]; then
		say signature "NOT CHECKED: this script has no key, and you gave no --keyring"
		return
	fi
	if has gpgv; then verifier=gpgv; elif has sqv; then verifier=sqv; else
		[ -z "$keyring" ] || die 78 "neither gpgv nor sqv is here to check the signature" "install gpgv"
		say signature "NOT CHECKED: neither gpgv nor sqv is here"
		return
	fi
	fetch SHA256SUMS.asc 64
	if [ -n "$keyring" ]; then cat <"$keyring"; else printf '%s\n' "$release_key"; fi >"$dir/keys"
	case $(head -n 1 "$dir/keys" | tr -d '\0') in
	-----BEGIN*) # gpgv reads binary keys only
		sed '1,/^[[:space:]]*$/d; /^[=-]/d' "$dir/keys" | base64 -d >"$dir/keys.gpg" ||
			die 64 "${keyring:-the key in this script}: not an OpenPGP key" "get the public key again"
		;;
	*) mv "$dir/keys" "$dir/keys.gpg" ;;
	esac
	set -- --keyring "$dir/keys.gpg" "$dir/SHA256SUMS.asc" "$dir/SHA256SUMS"
	[ "$verifier" = sqv ] || set -- --homedir "$dir" "$@"
	"$verifier" "$@" >"$dir/verify.log" 2>&1 || {
		sed 's/^/  /' "$dir/verify.log" >&2
		die 65 "$from/SHA256SUMS: no good signature by the release key: refused" "do not install from there"
	}
	say signature "good: $verifier, with the key ${keyring:-in this script}"
}

# choose_package sets package and sum from the one line of SHA256SUMS that fits this host.
choose_package() {
	package='' sum=''
	while read -r digest name; do
		case $kind.$name in
		*/*) continue ;;
		deb.runsc-provisioner_*_"$arch".deb | rpm.runsc-provisioner-*."$arch".rpm) ;;
		*) continue ;;
		esac
		[ -z "$package" ] ||
			die 65 "$from/SHA256SUMS lists more than one .$kind for $arch" "use the directory of one release"
		package=$name sum=$digest
	done <"$dir/SHA256SUMS"
	[ -n "$package" ] ||
		die 65 "$from/SHA256SUMS lists no .$kind for $arch" "is the URL the directory of a release?"
	case $package/$sum in # both are printed
	*[!A-Za-z0-9._~+-]*/* | */*[!0-9a-f]*)
		die 65 "$from/SHA256SUMS: a character in the line of the package is not allowed" "do not install from there"
		;;
	esac
}

check_package() {
	got=$(sha256sum <"$dir/$package")
	got=${got%% *}
	[ "$got" = "$sum" ] ||
		die 65 "$from/$package: SHA-256 is $got, want $sum: refused" "try again; if it stays so, do not install it"
	say checksum "good: sha256 $sum"
}

# install_package ignores signals while the package manager works, and writes its output to a file: an interrupt
# or a closed terminal would leave the package half installed.
install_package() {
	if [ "$kind" = deb ]; then
		set -- apt-get -qq -y -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confdef \
			-o Dpkg::Options::=--force-confold install --no-install-recommends "$dir/$package"
	elif has dnf; then set -- dnf -q -y install "$dir/$package"
	elif has yum; then set -- yum -q -y install "$dir/$package"
	elif has zypper; then set -- zypper -q -n install --allow-unsigned-rpm "$dir/$package" # checked above
	else set -- rpm -U "$dir/$package"; fi
	if [ -n "$dry_run" ]; then
		say dry-run "would run: $*"
		return
	fi
	say install "$package with $1"
	trap '' HUP INT PIPE TERM
	# needrestart would restart services, maybe Docker.
	DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 "$@" >"$dir/install.log" 2>&1 </dev/null || {
		sed 's/^/  /' "$dir/install.log" >&2
		die 1 "$1 did not install $package" "mend what it says, then try again"
	}
	installed=$(/usr/bin/runsc-provisioner version) ||
		die 1 "/usr/bin/runsc-provisioner is installed, but does not run" "see its error above"
	say installed "$installed"
	first=$(command -v runsc-provisioner) || :
	[ "$first" = /usr/bin/runsc-provisioner ] ||
		say note "$first comes before it in PATH: remove that one, or it runs instead"
	printf '\nnow:  sudo runsc-provisioner plan   (shows what apply would do)\n'
	printf '      sudo runsc-provisioner apply\n'
}

{ main "$@"; } # the braces: a shell runs nothing of a line that is cut off
