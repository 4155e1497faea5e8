#!/bin/sh
# Fetches the IANA private enterprise numbers from the Debian package libwireshark-data and writes
# them as records for idctl import:
#
#	deploy/sample/fetch.sh enterprises.ndjson
#
# Nothing is installed and no root is needed, only apt's package lists (root refreshes them here).
# Exits 1 with one line on stderr if a tool or the network is missing; the output is then untouched.
set -eu

fail() {
	echo "fetch.sh: $*" >&2
	exit 1
}

[ $# -eq 1 ] || { echo "usage: fetch.sh OUTPUT.ndjson" >&2; exit 2; }
for tool in apt-get dpkg-deb go; do
	command -v "$tool" >/dev/null 2>&1 || fail "cannot fetch the IANA list: $tool is not installed"
done

repo=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$(dirname "$1")" || fail "cannot create the directory of $1"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$out.part"' EXIT
trap 'exit 1' HUP INT TERM

download() {
	# apt's user _apt may not write here, which apt only warns about; the log is shown on failure.
	(cd "$tmp" && apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
		download libwireshark-data) >"$tmp/log" 2>&1 &&
		[ -n "$(find "$tmp" -name '*.deb')" ]
}
if ! download; then
	if [ "$(id -u)" -ne 0 ]; then
		fail "cannot download libwireshark-data: $(grep '^E:' "$tmp/log" | head -n 1) (apt-get update, as root, may help)"
	fi
	apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 update >"$tmp/log" 2>&1 || true
	download || fail "cannot download libwireshark-data: $(grep '^E:' "$tmp/log" | head -n 1)"
fi

dpkg-deb -x "$tmp"/*.deb "$tmp/pkg" >"$tmp/log" 2>&1 || fail "cannot unpack libwireshark-data: $(head -n 1 "$tmp/log")"
list=$(find "$tmp/pkg" -name enterprises.tsv | head -n 1)
[ -n "$list" ] || fail "libwireshark-data holds no enterprises.tsv (Debian 11 and 12 ship it)"
(cd "$repo" && go run ./deploy/sample/penconv "$list") >"$out.part" || fail "cannot convert the IANA list"
mv "$out.part" "$out"
