#!/bin/sh
# Usage: API_KEY=… deploy/kubernetes/generate-secret.sh
# Writes secret.env for kustomization.yaml: Datadog's key, and a password of 256 random bits for the broker.
# A secret.env that is there stays as it is: programs know its password.
set -eu
file="$(dirname "$0")/secret.env"
if [ -e "$file" ]; then
  echo "$file is there already; delete it to have another password" >&2
  exit 1
fi
: "${API_KEY:?set API_KEY to a key of Datadog}"
umask 077
password="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
printf 'api-key=%s\nbroker-password=%s\n' "$API_KEY" "$password" >"$file"
echo "$file is written; programs get broker-password from the secret chouette" >&2
