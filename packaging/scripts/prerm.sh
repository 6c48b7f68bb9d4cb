#!/bin/sh
# Before a removal. Docker, its configuration and the releases of gVisor stay as they
# are, so its containers work on. dpkg calls it with "remove", "deconfigure" or
# "upgrade"; rpm with 0, or with 1 before an upgrade.
set -e
unit=runsc-provisioner.service

case ${1:-} in
# The service runs on; after the upgrade, postinst restarts it.
upgrade | failed-upgrade | 1) exit 0 ;;
remove | deconfigure | 0) ;;
*)
	echo "prerm called with unknown argument: ${1:-}" >&2
	exit 1
	;;
esac

# With `apply --builds`, Docker runs this program for each step of a build. Without it,
# every docker build would fail.
if [ "$1" != deconfigure ] &&
	grep -qsF "'/usr/bin/runsc-provisioner' buildkit-runc" /usr/local/lib/gvisor/builds/runc &&
	[ -e /etc/systemd/system/docker.service.d/50-runsc-provisioner-builds.conf ]; then
	cat >&2 <<-'EOF'
		runsc-provisioner: error: Docker runs the steps of builds through this program, so the package stays.
		First run "runsc-provisioner apply --builds=off", or "runsc-provisioner uninstall" to undo everything.
	EOF
	exit 1
fi

# It finishes or undoes a change of Docker in progress first.
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
	systemctl stop "$unit" || {
		echo "runsc-provisioner: error: $unit could not be stopped: see systemctl status $unit" >&2
		exit 1
	}
fi
