#!/bin/sh
# Installs what the tests and the sample need beside Go, make and git: a C compiler for the race
# detector, curl for the commands of README.md, openssl for key pairs as users make them, a browser,
# three clients of the DNS, each of other make, Redis, and Prometheus, which judges metrics, rules and dashboards.
# With "bench" it installs what make bench needs instead, with "peers" what make bench-peers does.
# Says what is missing, and fails, where it cannot install it.
set -eu
packages=
need() { # command, its Debian packages
	command -v "$1" >/dev/null || packages="$packages $2"
}
PATH=$PATH:/usr/sbin
case "${1-}" in
bench)
	need dnsperf dnsperf
	;;
peers)
	need dnsperf dnsperf
	need nsd nsd
	need knotd knot
	need pdns_server "pdns-server pdns-backend-lmdb"
	;;
*)
	need "${CC:-gcc}" "gcc libc6-dev"
	need curl curl
	need openssl openssl
	need chromium chromium
	need dig bind9-dnsutils
	need drill ldnsutils
	need kdig knot-dnsutils
	need redis-server redis-server
	need promtool prometheus
	;;
esac
[ -n "$packages" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
	echo "deps: install these by hand:$packages" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo apt-get install -qy --no-install-recommends $packages
# Debian starts Prometheus at once, on the port that the node has for gRPC. Tests start their own.
case $packages in
*prometheus*) [ ! -d /run/systemd/system ] || $sudo systemctl disable --now prometheus ;;
esac
