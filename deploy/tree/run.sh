#!/bin/sh
# Starts a tree on loopback: a stand-in for the national top-level node, a secondary node and an enterprise's own node, and walks from
# an enterprise's application to the first resolution that begins at the top: what `make run-tree` does. Everything it makes lies in
# the directory given as first argument. With RUN_TREE_ONCE=1 it ends after the walk.
set -eu
run=$1
rm -rf "$run"
mkdir -p "$run"
secondary=http://127.0.0.1:8710 own=http://127.0.0.1:8720 above=http://127.0.0.1:8701

pids=
stop() {
	trap - INT TERM EXIT
	[ -z "$pids" ] || kill -TERM $pids 2>/dev/null || true
	wait
}
trap 'stop' EXIT
trap 'exit 0' INT
trap 'exit 143' TERM

# ready waits until a log says so.
ready() {
	for _ in $(seq 150); do
		if grep -q 'msg=ready' "$1" 2>/dev/null; then return; fi
		sleep 0.1
	done
	echo "It did not start:" >&2
	tail -n 5 "$1" >&2
	exit 1
}
say() { printf '\n# %s\n' "$*"; }
show() {
	printf '$ %s\n' "$*"
	"$@"
}

cat >"$run/auditor" <<RULES
# who passes the audits above
* pass
RULES
bin/topnode --dir "$run/top" --listen 127.0.0.1:8700 --registry 127.0.0.1:8701 --handle 127.0.0.1:2651 --node 88.1021 \
	--make-key "88.1021=$run/secondary.pem" --rules "$run/auditor" >"$run/top.log" 2>&1 &
pids="$pids $!"
ready "$run/top.log"
head -n 1 "$run/top.log"
# The secondary node administers its prefix records above with a secret key.
top() { bin/idctl --server $above --key-file "$run/top/handle/operator.key" "$@"; }
echo "a secret of the secondary node" >"$run/secret"
top prefix create 88.1021.0 --enterprise self >/dev/null
printf '{"id":"88.1021.0/SLN","values":[{"index":300,"type":"HS_SECKEY","data":"a secret of the secondary node","perms":"1100"}]}' | top register -f - >/dev/null

cat >"$run/secondary.yaml" <<YAML
node: {prefixes: ["88.1021"]}
http: {listen: "127.0.0.1:8710"}
grpc: {listen: "127.0.0.1:8711"}
dns: {listen: "127.0.0.1:8712"}
admin: {listen: "127.0.0.1:8713"}
handle: {listen: "127.0.0.1:2652"}
sync:
  enabled: true
  targets:
    - {name: tables, kind: jsonlines, url: "http://127.0.0.1:8700", sign_key_file: "$run/secondary.pem", orders: true}
    - {name: epp, kind: epp, url: "http://127.0.0.1:8700/epp", sign_key_file: "$run/secondary.pem", orders: true}
    - {name: prefixes, kind: handle, url: "handle://127.0.0.1:2651", identity: "300:88.1021.0/SLN", secret_file: "$run/secret"}
YAML
bin/idnode serve --config "$run/secondary.yaml" --data-dir "$run/secondary" >"$run/secondary.log" 2>&1 &
pids="$pids $!"
IDNODE_NODE_PREFIXES=88.1021.500 IDNODE_HTTP_LISTEN=127.0.0.1:8720 IDNODE_GRPC_LISTEN=127.0.0.1:8721 IDNODE_DNS_LISTEN=127.0.0.1:8722 IDNODE_ADMIN_LISTEN=127.0.0.1:8723 \
	IDNODE_HANDLE_LISTEN=127.0.0.1:2653 bin/idnode serve --data-dir "$run/enterprise" >"$run/enterprise.log" 2>&1 &
pids="$pids $!"
ready "$run/secondary.log"
ready "$run/enterprise.log"
sln() { bin/idctl --server $secondary --key-file "$run/secondary/operator.key" "$@"; }
eln() { bin/idctl --server $own --key-file "$run/enterprise/operator.key" "$@"; }

say "An enterprise is taken in by the secondary node, and gets a prefix that its own node answers for."
ENTERPRISE=$(sln -o json enterprise create --name 海北精密轴承有限公司 --credit-code 91110108589104047H | sed -n 's/.*"id": "\([^"]*\)".*/\1/p')
show sln prefix create 88.1021.500 --enterprise "$ENTERPRISE" --mode delegated --ip 127.0.0.1 --udp 2653 --tcp 2653

say "At its own node the enterprise registers its first identifier."
show eln prefix create 88.1021.500 --enterprise self
show eln register 88.1021.500/PUMP-1 --value 1:URL=https://example.com/pump-1

say "The secondary node has told the node above where its prefix is answered for."
for _ in $(seq 100); do
	if bin/idctl resolve 0.NA/88.1021 --via handle-tcp --addr 127.0.0.1:2651 >/dev/null 2>&1; then break; fi
	sleep 0.1
done
show bin/idctl resolve 0.NA/88.1021 --via handle-tcp --addr 127.0.0.1:2651 --type HS_SITE
show sln sync status

say "A client has that site from the top, asks there, and is referred to the enterprise's node."
show bin/idctl resolve 88.1021.500/PUMP-1 --via handle-tcp --addr 127.0.0.1:2652 --follow

say "An order from above takes effect at once: the prefix is suspended, and activated again."
order() { curl -s http://127.0.0.1:8700/control/orders -d "{\"node\":\"88.1021\",\"order\":\"$1\",\"prefix\":\"88.1021.500\",\"reason\":\"for show\"}"; }
# until waits for the state of the prefix.
until_is() {
	for _ in $(seq 100); do
		if sln prefix list | grep -q "88.1021.500 .* $1 "; then return; fi
		sleep 0.1
	done
	echo "the prefix is not $1" >&2
	exit 1
}
order suspend
until_is suspended
show bin/idctl resolve 88.1021.500/PUMP-1 --via handle-tcp --addr 127.0.0.1:2652 || true
order activate
until_is active
show bin/idctl resolve 88.1021.500/PUMP-1 --via handle-tcp --addr 127.0.0.1:2652 --follow

say "What the node above has received: http://127.0.0.1:8700/tables"
[ -z "${RUN_TREE_ONCE:-}" ] || exit 0
say "The tree runs until Ctrl-C. Logs are in $run."
wait
