#!/bin/sh
# Installs the programs that the tests need, as root on Debian and Ubuntu. Each
# argument PROGRAM:PACKAGES adds one. Elsewhere it prints what is missing, and
# the tests that need it are skipped.
set -eu
missing=
for pair in patch:patch bzip2:bzip2 dbus-daemon:dbus strace:strace chattr:e2fsprogs rpmbuild:rpm \
	apt-ftparchive:apt-utils createrepo_c:createrepo-c dnf:dnf gpg:gpg gpg-agent:gpg-agent gpgv:gpgv sqv:sqv \
	curl:curl busybox:busybox-static "$@"; do
	command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "these packages are missing, and some tests are skipped without them:$missing" >&2
	exit 0
fi
echo "installing$missing" >&2
# shellcheck disable=SC2086 # one word a package
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; } >&2
