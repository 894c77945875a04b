#!/usr/bin/env bash
# Three servers, a balancer in front of them, and curl, which comes twice: the second page says "resumed: yes", from another server.
#   examples/cluster.sh [haproxy|nginx]      after npm ci; stops all that it started
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
balancer=${1:-haproxy}
command -v "$balancer" >/dev/null || { echo "cluster.sh: $balancer is not on the PATH: install it" >&2; exit 1; }
# Where things listen, as in haproxy/haproxy.cfg; the environment may name other places.
export RINGTLS_BIND=${RINGTLS_BIND:-127.0.0.1:9443}
export RINGTLS_1=${RINGTLS_1:-127.0.0.1:8441} RINGTLS_2=${RINGTLS_2:-127.0.0.1:8442} RINGTLS_3=${RINGTLS_3:-127.0.0.1:8443}
work=$(mktemp -d)
export RINGTLS_ADMIN=$work/admin.sock
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT

ringtls=(node "$examples/../dist/cli/main.js")
visit() { curl --silent --show-error --cacert "$pki/ca.pem" "$@"; }
await() {
  for _ in {1..100}; do visit "https://$1/" >"$work/page" 2>&1 && return || sleep 0.1; done
  echo "cluster.sh: $1 does not answer: $(cat "$work/page")" >&2 && exit 1
}

pki=${RINGTLS_PKI:-$work/pki}
[ -d "$pki" ] || "${ringtls[@]}" init "$pki" >"$work/init.log"
addresses=("$RINGTLS_1" "$RINGTLS_2" "$RINGTLS_3")
for n in 1 2 3; do
  "${ringtls[@]}" server --listen "${addresses[n - 1]}" --cert "$pki/server.pem" --key "$pki/server.key" \
    --cluster "$pki/cluster.json" --cluster-key "$pki/cluster.key" --node "n$n" &
done
for address in "${addresses[@]}"; do await "$address"; done

if [ "$balancer" = nginx ]; then
  sed "s/127.0.0.1:8441/$RINGTLS_1/; s/127.0.0.1:8442/$RINGTLS_2/; s/127.0.0.1:8443/$RINGTLS_3/; s/127.0.0.1:9443/$RINGTLS_BIND/
    s#/run/nginx.pid#$work/nginx.pid#" "$examples/nginx/nginx.conf" >"$work/nginx.conf"
  nginx -c "$work/nginx.conf" -g 'daemon off;' >"$work/balancer.log" 2>&1 &
else
  haproxy -db -f "$examples/haproxy/haproxy.cfg" >"$work/balancer.log" 2>&1 &
fi
await "$RINGTLS_BIND"
# One curl keeps a session as long as it runs; a page closes its connection. Half a second, and the session is where it belongs.
visit --rate 2/s "https://$RINGTLS_BIND/" "https://$RINGTLS_BIND/"
