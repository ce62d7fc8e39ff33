#!/usr/bin/env bash
# certificates.sh DIR: an authority (ca.crt), one that nobody uses (other-ca.crt), and a certificate for `localhost` alone.
set -euo pipefail
cd "$1"
for ca in ca other-ca; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=test $ca" \
    -keyout "$ca.key" -out "$ca.crt" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
  -keyout server.key -out server.csr 2>/dev/null
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt \
  -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n') 2>/dev/null
