#!/bin/sh
# Installs what the tests need beside Go, make and git: a C compiler for the race detector, curl
# for the commands of README.md. Says what is missing, and fails, where it cannot install it.
set -eu
packages=
command -v "${CC:-gcc}" >/dev/null || packages="gcc libc6-dev"
command -v curl >/dev/null || packages="$packages curl"
[ -n "$packages" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
	echo "deps: install these by hand: $packages" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo apt-get install -qy --no-install-recommends $packages
