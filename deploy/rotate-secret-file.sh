#!/bin/sh
# Changes a secret of mcpo-ts that is kept in a file, without a restart and without a moment in which neither is accepted.
#
#   rotate-secret-file.sh begin FILE URL [api-key|jwt]   the current secret moves to FILE.previous, FILE gets a new one
#   rotate-secret-file.sh end   FILE URL [api-key|jwt]   the former secret is no longer accepted
#
# The service runs with MCPO_API_KEY_FILE=FILE and MCPO_API_KEY_PREVIOUS_FILE=FILE.previous (or JWT_SECRET_FILE and
# JWT_SECRET_PREVIOUS_FILE, with "jwt"). It needs curl and openssl, and for "jwt" mcpo-ts; MCPO_TS names its command.
set -eu
umask 077

usage() { sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }
fail() { echo "rotate-secret-file.sh: $1" >&2; exit 1; }

[ $# -ge 3 ] || usage
step=$1 file=$2 url=${3%/} kind=${4:-api-key}
previous=$file.previous
[ "$kind" = api-key ] || [ "$kind" = jwt ] || usage
[ -s "$file" ] || fail "there is no secret in $file"

# A credential that the secret in this file makes.
credential() {
  if [ "$kind" = api-key ]; then tr -d ' \t\r\n' <"$1"; return; fi
  env -u JWT_SECRET JWT_SECRET_FILE="$1" ${MCPO_TS:-mcpo-ts} token issue --user rotation-check --ttl 60s
}

# The status for a tool that does not exist: 404 with a credential that is accepted, 401 or 403 with any other. curl reads
# the credential from its input, because arguments are visible to everyone on the host.
status() {
  printf 'header = "Authorization: Bearer %s"\n' "$1" |
    curl -sS -K - -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d '{}' "$url/rotation/check"
}

# Waits until a credential has this status.
expect() {
  tries=0
  until [ "$(status "$1")" = "$2" ] || { [ "$2" = refused ] && [ "$(status "$1")" != 404 ]; }; do
    tries=$((tries + 1))
    [ "$tries" -lt 20 ] || return 1
    sleep 1
  done
}

# Replaces a file in one step, with the owner and the mode that it had.
replace() {
  cp -p "$file" "$1.new"
  cat >"$1.new"
  mv "$1.new" "$1"
}

case $step in
begin)
  [ ! -s "$previous" ] || fail "$previous has a secret: an earlier rotation has not ended; run \"$0 end $file $url $kind\""
  [ "$(status "$(credential "$file")")" = 404 ] || fail "the service at $url does not accept the secret in $file"
  replace "$previous" <"$file"
  openssl rand -hex 32 | replace "$file"
  expect "$(credential "$file")" 404 || fail "the service does not accept the new secret; its log says why"
  expect "$(credential "$previous")" 404 || fail "the former secret is not accepted; is the variable …_PREVIOUS_FILE set to $previous?"
  echo "Both secrets are accepted. Change the clients to the one in $file, then run: $0 end $file $url $kind"
  ;;
end)
  [ -s "$previous" ] || fail "there is no former secret in $previous"
  former=$(credential "$previous")
  [ "$(status "$(credential "$file")")" = 404 ] || fail "the service does not accept the secret in $file; nothing was changed"
  : | replace "$previous"
  expect "$former" refused || fail "the service still accepts the former secret"
  echo "The former secret is no longer accepted."
  ;;
*) usage ;;
esac
