#!/usr/bin/env bash
# Installs the foreign TLS peers that some tests talk to. Debian and its kin; elsewhere the tests skip.
set -euo pipefail

packages=(openssl curl gnutls-bin python3)

if ! command -v apt-get >/dev/null; then
  echo "setup:peers: no apt-get here; install by hand: ${packages[*]}" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
for peer in "openssl version" "curl --version" "gnutls-cli --version" "python3 --version"; do
  $peer | head -n 1
done
