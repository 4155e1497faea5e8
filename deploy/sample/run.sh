#!/bin/sh
# Starts a node with sample data and prints what to try: what `make run` does.
# Everything it makes lies in the directory given as first argument. Listeners and all else can be
# set by IDNODE_… variables, as for any node.
set -eu
run=$1
here=$(dirname "$0")
mkdir -p "$run"

pen=$run/enterprises.ndjson
if [ ! -s "$pen" ]; then
	echo "Fetching the IANA private enterprise numbers (Debian package libwireshark-data) ..."
	"$here/fetch.sh" "$pen" || rm -f "$pen"
fi

export IDNODE_DATA_DIR="${IDNODE_DATA_DIR:-$run/data}"
export IDNODE_DNS_ZONE="${IDNODE_DNS_ZONE:-id.example}"
export IDNODE_NODE_PREFIXES="${IDNODE_NODE_PREFIXES:-88.1021,oid:1.3.6.1.4.1,oid:1.2.156.10001,gs1:690123,ecode:10064,ecode:300001,ecode:400001}"
export IDNODE_HANDLE_SERVER_ADMINS="${IDNODE_HANDLE_SERVER_ADMINS:-300:88.1021/ADMIN}" # who has that key, once there is one
log=$run/idnode.log
: >"$log"
bin/idnode serve --log-format text >>"$log" 2>&1 &
node=$!
trap 'trap - INT TERM EXIT; kill -TERM $node 2>/dev/null || true; wait $node 2>/dev/null || true' EXIT
trap 'exit 0' INT
trap 'exit 143' TERM

ready=
for _ in $(seq 150); do
	ready=$(grep -m1 'msg=ready ' "$log" || true)
	[ -z "$ready" ] || break
	if ! kill -0 $node 2>/dev/null; then
		break
	fi
	sleep 0.1
done
if [ -z "$ready" ]; then
	echo "The node did not start:" >&2
	tail -n 5 "$log" >&2
	exit 1
fi
address() { printf '%s\n' "$ready" | sed -n "s/.* $1=\([^ ]*\).*/\1/p"; }
http=$(address http) grpc=$(address grpc) handle=$(address handle) dns=$(address dns) admin=$(address admin)
export IDCTL_SERVER="http://$http" IDCTL_KEY_FILE="$IDNODE_DATA_DIR/operator.key"

bin/idctl import --allocate --mode skip-existing "$here/manufacturing.ndjson"
bin/idctl import --allocate --mode skip-existing "$here/codes.ndjson"
if [ -s "$pen" ]; then
	bin/idctl import --allocate --mode skip-existing "$pen"
else
	echo "Without the IANA private enterprise numbers: only the hand-written sample is loaded."
fi

# What follows is printed so that it works from another terminal in this directory, and is shorter
# where the defaults serve.
mine=88.1021.150/MY-$(date +%H%M%S) # free each time
server= key= via_grpc= via_handle= via_dns=
[ "$http" = 127.0.0.1:8080 ] || server=" --server http://$http"
[ "$IDNODE_DATA_DIR" = .run/data ] || key=" --key-file $IDCTL_KEY_FILE"
[ "$grpc" = 127.0.0.1:9090 ] || via_grpc=" --addr $grpc"
[ "$handle" = 127.0.0.1:2641 ] || via_handle=" --addr $handle"
[ "$dns" = 127.0.0.1:5300 ] || via_dns=" --addr $dns"
zone=${IDNODE_DNS_ZONE%%,*} at="@${dns%:*} -p ${dns##*:}"
cat <<EOF

The node is running; its log is $log. Try, from another terminal in this directory:

  curl 'http://$http/resolve?id=88.1021.150/BRG-6205-0001'
  curl 'http://$http/api/handles/88.1021.150/BRG-6205-0001?pretty'
  curl -i 'http://$http/01/06901234567892?linkType=linkset'
  bin/idctl$server resolve 88.1021.150/BRG-6205-0001
  bin/idctl resolve 88.1021.150/BRG-6205-0001 --via grpc$via_grpc
  bin/idctl resolve 88.1021.150/BRG-6205-0001 --via handle-udp$via_handle
  bin/idctl resolve 88.1021.150/BRG-6205-0001 --via handle-tcp$via_handle
  bin/idctl resolve 88.1021.150/BRG-6205-0001 --via dns$via_dns
  dig $at brg-6205-0001.150.1021.88.hdl.$zone TXT +short
  dig $at 1.7.10001.156.2.1.oid.$zone NAPTR +short
  bin/idctl$server resolve 6901234567892
  bin/idctl$server resolve https://example.com/01/06901234567892/10/HB240318/21/0001
  bin/idctl$server trace '(01)06901234567892(10)HB240318(21)9999' --fallback
  bin/idctl$server resolve 400001轴承-甲-01
  bin/idctl prefix site-info$via_handle
  bin/idctl$server$key prefix update gs1:690123 --pattern 'https://example.com/p/{01}?sn={21}'
EOF
if [ -s "$pen" ]; then
	cat <<EOF
  curl 'http://$http/resolve?id=1.3.6.1.4.1.9'
  bin/idctl resolve urn:oid:1.3.6.1.4.1.9 --via grpc$via_grpc
EOF
fi
cat <<EOF
  bin/idctl$server$key register $mine --value 1:URL=https://example.com/mine
  bin/idctl$server resolve $mine
  curl http://$admin/metrics

In a browser: http://$http/88.1021.150/BRG-6205-0001?noredirect
The operator's API key is in $IDCTL_KEY_FILE. Stop with Ctrl-C; what you registered stays in $run.
EOF
wait $node
