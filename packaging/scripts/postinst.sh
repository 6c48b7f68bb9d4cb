#!/bin/sh
# After an installation or upgrade; see also prerm.sh. It never touches Docker or its
# configuration, and enables nothing. dpkg calls it with "configure" and the version
# before, or with "abort-…" after something failed; rpm with 1, or with 2 for an upgrade.
set -e
unit=runsc-provisioner.service

# Not in a chroot, in the build of an image, or without systemd.
booted() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

# Debian's policy layer (policy-rc.d) may forbid it.
act() {
	if command -v deb-systemd-invoke >/dev/null 2>&1; then
		deb-systemd-invoke "$1" "$unit"
	else
		systemctl "$1" "$unit"
	fi || echo "runsc-provisioner: warning: systemctl $1 $unit failed: see systemctl status $unit" >&2
}

case ${1:-} in
configure)
	action=upgraded
	[ -n "${2:-}" ] || action=installed
	;;
1) action=installed ;;
2) action=upgraded ;;
abort-remove | abort-deconfigure) action=kept ;;
abort-upgrade) exit 0 ;;
*)
	echo "postinst called with unknown argument: ${1:-}" >&2
	exit 1
	;;
esac

if command -v systemd-tmpfiles >/dev/null 2>&1; then
	systemd-tmpfiles --create runsc-provisioner.conf >/dev/null 2>&1 || :
fi
if booted; then
	systemctl daemon-reload || :
	case $action in
	# Only if it runs: with the new program.
	upgraded) act try-restart ;;
	# prerm has stopped it, and the package stays.
	kept) ! systemctl -q is-enabled "$unit" || act start ;;
	esac
fi
if [ "$action" != kept ] && [ -e /usr/local/bin/runsc-provisioner ]; then
	echo "runsc-provisioner: warning: /usr/local/bin/runsc-provisioner is there too, from make install." >&2
	echo "The shell and systemd prefer it and its unit. To use the package: sudo make uninstall" >&2
fi
