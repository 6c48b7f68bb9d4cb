#!/bin/sh
# After a removal ("remove"; rpm: 0) or a purge ("purge"). Docker and its configuration
# are never touched. A removal keeps the configuration, what the program remembers, and
# the releases. A purge removes them, but keeps what Docker would still need.
set -e
unit=runsc-provisioner.service
config=/etc/runsc-provisioner
state=/var/lib/runsc-provisioner
run=/run/runsc-provisioner

say() { echo "runsc-provisioner: $*" >&2; }

# disable removes the links by which systemd starts the unit. systemctl would want the
# unit to exist, or itself.
disable() {
	for link in /etc/systemd/system/*.wants/"$unit" /etc/systemd/system/*.requires/"$unit"; do
		case $(readlink "$link") in
		/usr/lib/systemd/system/"$unit" | /lib/systemd/system/"$unit") rm -f "$link" ;;
		esac
	done
	if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
		systemctl daemon-reload || :
		systemctl reset-failed "$unit" 2>/dev/null || :
	fi
}

# places KIND BUILT-IN prints the built-in place, and each that the configuration has named.
places() {
	echo "$2"
	if [ -f "$state/$1" ]; then
		grep -E '^(/[A-Za-z0-9._+@-]+){2,}$' "$state/$1" || :
	fi
}

# docker_files prints the files that may make Docker start something of ours: daemon.json,
# also where dockerd is started with another one, and the units.
docker_files() {
	echo /etc/docker/daemon.json
	{
		cat /etc/systemd/system/docker.service /etc/systemd/system/docker.service.d/*.conf \
			/usr/lib/systemd/system/docker.service /lib/systemd/system/docker.service 2>/dev/null
		for pid in $(pidof dockerd 2>/dev/null); do
			tr '\0' '\n' <"/proc/$pid/cmdline" | paste -s -d ' '
		done
	} | grep -oE -- '--config-file[= ][^ "]+' | sed 's/--config-file.//' || :
	find /etc/systemd/system/docker.service /etc/systemd/system/docker.service.d -type f 2>/dev/null || :
}

# users PLACE… prints what still uses one of the places, one line each.
users() {
	for place in "$@"; do
		[ -e "$place" ] || [ -L "$place" ] || continue
		docker_files | sort -u | while read -r file; do
			if sed 's,\\/,/,g' "$file" 2>/dev/null | grep -qF "$place"; then echo "$file names $place"; fi
		done
		remembered "$place"
		for exe in /proc/[0-9]*/exe; do
			case $(readlink "$exe" 2>/dev/null) in
			"$place"/*) echo "process $(echo "$exe" | cut -d / -f 3) runs from $place" ;;
			esac
		done
	done
}

# remembered PLACE: dockerd may still have a runtime that is no longer in its file. It is only
# asked while it runs, so that docker.socket does not start it.
remembered() {
	pidof dockerd >/dev/null 2>&1 || return 0
	if ! runtimes=$(timeout 20 docker info --format '{{json .Runtimes}}' 2>/dev/null); then
		echo "dockerd runs and does not say whether it has a runtime in $1"
	elif echo "$runtimes" | grep -qF "$1"; then
		echo "dockerd has a runtime in $1"
	fi
}

# clear_store removes from a store what this program has put there.
clear_store() {
	[ -d "$1" ] && [ ! -L "$1" ] || return 0
	for entry in "$1"/* "$1"/.[!.]*; do
		name=${entry##*/}
		case $name in
		.archive* | .withdrawn* | .runsc-provisioner-* | builds | system) rm -rf -- "$entry" ;;
		[0-9]*) rm -rf -- "$entry" ;;
		esac
	done
	rmdir "$1" 2>/dev/null || say "kept: $1 has files of another program"
}

purge() {
	if [ -e /usr/local/bin/runsc-provisioner ]; then
		say "/usr/local/bin/runsc-provisioner is there too, from make install: what it needs stays"
		return
	fi
	stores=$(places stores /usr/local/lib/gvisor)
	links=$(places links /usr/local/bin/runsc)
	# shellcheck disable=SC2086 # no place has a blank
	used=$(users $stores $links)
	rm -rf "$config" "$run"
	if [ -n "$used" ]; then
		say "warning: Docker still uses gVisor that this program has installed:"
		echo "$used" | sed 's/^/  /' >&2
		say "so the releases stay, and so does $state with what the host had before."
		say 'To undo it: install the package again, run "runsc-provisioner uninstall", and purge the package.'
		return
	fi
	for link in $links; do
		for store in $stores; do
			case $(readlink "$link") in "$store"/*) rm -f "$link" ;; esac
		done
	done
	for store in $stores; do
		clear_store "$store"
	done
	rm -rf "$state"
	rmdir /run/runsc-builds 2>/dev/null || :
}

case ${1:-} in
remove | 0)
	disable
	rmdir "$state" "$config" 2>/dev/null || :
	;;
purge) purge ;;
upgrade | 1 | failed-upgrade | abort-install | abort-upgrade | disappear) ;;
*)
	echo "postrm called with unknown argument: ${1:-}" >&2
	exit 1
	;;
esac
