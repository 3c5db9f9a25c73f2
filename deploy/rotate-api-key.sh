#!/bin/sh
# Replaces a stored API key: makes a new one, checks it on the running service, and revokes the former one.
#
#   rotate-api-key.sh FORMER_ID NEW_ID URL FILE [flags of "mcpo-ts key create", such as --scope call]
#
# FILE gets the new key, for its owner only. GRACE_SECONDS is how long both are accepted (0 by default); MCPO_TS names the
# command, such as "docker exec mcpo mcpo-ts". It needs curl.
set -eu
umask 077

fail() { echo "rotate-api-key.sh: $1" >&2; exit 1; }

[ $# -ge 4 ] || { sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }
former=$1 new=$2 url=${3%/} file=$4
shift 4
[ ! -e "$file" ] || fail "$file exists already"
mcpo=${MCPO_TS:-mcpo-ts}
$mcpo key list | awk -v id="$former" '$1 == id { found = 1 } END { exit !found }' || fail "there is no key \"$former\""

# For a tool that does not exist, 404 with a key that is accepted. Arguments are visible to everyone: curl reads the key from
# its input.
is_accepted() {
  status=$(printf 'header = "Authorization: Bearer %s"\n' "$(cat "$file")" |
    curl -sS -K - -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d '{}' "$url/rotation/check")
  [ "$status" = 404 ]
}

$mcpo key create --id "$new" "$@" >"$file"
tries=0
until is_accepted; do
  tries=$((tries + 1))
  if [ "$tries" -ge 20 ]; then
    $mcpo key revoke "$new" >/dev/null
    rm -f "$file"
    fail "the service at $url does not accept the new key, and so it was removed again; \"$former\" is still valid"
  fi
  sleep 1
done
echo "The new key, $new, is in $file and is accepted."
[ "${GRACE_SECONDS:-0}" = 0 ] || sleep "$GRACE_SECONDS"
$mcpo key revoke "$former"
is_accepted || fail "the new key is no longer accepted"
