#!/bin/sh
# Makes the certificates and keys of this folder with openssl 3. Run it in this folder; then the keys are new.
# Self-signed, since tlsfuzzer does not look at the server's and clientca.pem trusts each of the clients' by itself.
set -eu

# self_signed NAME SUFFIX SUBJECT EXTENSION PARAMETERS...: a key made with PARAMETERS of genpkey, and its certificate;
# without PARAMETERS the key is there already.
self_signed() {
  name=$1 suffix=$2 subject=$3 extension=$4
  shift 4
  [ $# -eq 0 ] || openssl genpkey "$@" -out "$name.key" 2>/dev/null
  openssl req -x509 -new -key "$name.key" -subj "/CN=$subject" -days 27000 -addext "$extension" \
    -addext 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign' -out "$name.$suffix"
}

names='subjectAltName=DNS:localhost,IP:127.0.0.1'
client='extendedKeyUsage=clientAuth'
rsa='-algorithm RSA -pkeyopt rsa_keygen_bits:2048'
p256='-algorithm EC -pkeyopt ec_paramgen_curve:P-256'

# shellcheck disable=SC2086 # the parameters are words
{
  self_signed rsa pem localhost "$names" $rsa
  # The same key: tlsfuzzer checks the second connection of a script with the key that it saw in the first.
  cp rsa.key localhost4.key
  self_signed localhost4 pem localhost4 'subjectAltName=DNS:localhost4'
  self_signed ecdsa pem localhost "$names" $p256
  self_signed client crt client "$client" $rsa
  self_signed clientec crt clientec "$client" $p256
  self_signed clientp384 crt clientp384 "$client" -algorithm EC -pkeyopt ec_paramgen_curve:P-384
  self_signed clientp521 crt clientp521 "$client" -algorithm EC -pkeyopt ec_paramgen_curve:P-521
  self_signed cliented25519 crt cliented25519 "$client" -algorithm ED25519
}
cat client*.crt > clientca.pem
