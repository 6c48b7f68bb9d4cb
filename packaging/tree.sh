#!/bin/sh
# tree.sh install|uninstall puts the files of packaging/files.txt into place, or
# removes them. It builds nothing. DESTDIR, PREFIX and SYSCONFDIR say where; OUT
# has the program, and SHARE what is made from it. Without a DESTDIR it is for
# this host, and systemd is told.
set -eu
umask 022
cd "$(dirname "$0")/.."
: "${DESTDIR:=}" "${PREFIX:=/usr/local}" "${SYSCONFDIR:=/etc}" "${OUT:=bin}" "${SHARE:=bin/share}"
docdir=$PREFIX/share/doc/runsc-provisioner
unit=runsc-provisioner.service
# zsh reads one place for packages and another for the administrator (zshbuiltins(1)).
zsh=site-functions
[ "$PREFIX" != /usr ] || zsh=vendor-completions

filled() {
	sed "s,@OUT@,$OUT,; s,@SHARE@,$SHARE,; s,@BINDIR@,$PREFIX/bin,; s,@DOCDIR@,$docdir,; s,@PREFIX@,$PREFIX,
		s,@SYSCONFDIR@,$SYSCONFDIR,; s,@ZSH@,$zsh," "$1"
}

# each COMMAND calls COMMAND KIND SOURCE TARGET for every file; TARGET is below DESTDIR.
each() {
	filled packaging/files.txt | grep -v '^#' | while read -r kind source target; do
		[ -n "$kind" ] || continue
		for from in $source; do
			case $target in
			*/) "$1" "$kind" "$from" "$DESTDIR$target${from##*/}" ;;
			*) "$1" "$kind" "$from" "$DESTDIR$target" ;;
			esac
		done
	done
}

put() {
	mkdir -p "${3%/*}"
	case $1 in
	program) install -m 0755 "$2" "$3" ;;
	unit) filled "$2" | install -m 0644 /dev/stdin "$3" ;;
	config) [ -e "$3" ] || install -m 0644 "$2" "$3" ;;
	file) install -m 0644 "$2" "$3" ;;
	esac
}

take() {
	if [ "$1" = config ] && [ -e "$3" ] && grep -q '^[^#]' "$3"; then
		echo "kept: $3 has settings" >&2
		return
	fi
	rm -f "$3"
	# Directories that only we used; never those that every system has.
	dir=${3%/*}
	while :; do
		case ${dir#"$DESTDIR"} in
		"$PREFIX" | "$PREFIX"/bin | "$PREFIX"/lib | "$PREFIX"/share | "$PREFIX"/share/man | "$PREFIX"/share/doc) break ;;
		"$SYSCONFDIR" | / | '') break ;;
		esac
		rmdir "$dir" 2>/dev/null || break
		dir=${dir%/*}
	done
}

booted() {
	[ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

case ${1:-} in
install)
	each put
	! booted || systemctl daemon-reload
	;;
uninstall)
	# Builds of Docker may go through the program: packaging/scripts/prerm.sh.
	builds=/usr/local/lib/gvisor/builds/runc
	if [ -z "$DESTDIR" ] && grep -qsF "'$PREFIX/bin/runsc-provisioner'" "$builds"; then
		echo "error: Docker runs the steps of builds through $PREFIX/bin/runsc-provisioner" >&2
		echo "hint: first run: sudo runsc-provisioner uninstall" >&2
		exit 1
	fi
	if booted && [ -e "$PREFIX/lib/systemd/system/$unit" ]; then
		systemctl disable --now "$unit" || echo "warning: $unit could not be stopped or disabled" >&2
	fi
	each take
	! booted || systemctl daemon-reload
	;;
*)
	echo "usage: tree.sh install|uninstall" >&2
	exit 64
	;;
esac
