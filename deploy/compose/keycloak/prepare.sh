#!/bin/sh
# Makes what Keycloak needs beside ../prepare.sh, once. Usage: sudo ./keycloak/prepare.sh LOGIN_HOST [folder]
set -eu
[ $# -ge 1 ] || { echo "usage: $0 LOGIN_HOST [FOLDER], such as: sudo $0 login.example.org" >&2; exit 2; }
login="$1"
here="$(cd "$(dirname "$0")" && pwd)"
cd "${2:-$here/..}"
[ -s .env ] || { echo "Run prepare.sh first." >&2; exit 1; }
umask 077
mkdir -p keycloak/config

random() { openssl rand -hex 32; }
write() { [ -s "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"; }
secret() { cat "secrets/$1"; }

write keycloak_client_secret "$(random)"
write keycloak_database_password "$(random)"
write keycloak_admin_password "$(random)"
write open_webui_client_secret "$(random)"
write keycloak.env "KC_DB_PASSWORD=$(secret keycloak_database_password)
KC_BOOTSTRAP_ADMIN_USERNAME=admin
KC_BOOTSTRAP_ADMIN_PASSWORD=$(secret keycloak_admin_password)
MCPO_CLIENT_SECRET=$(secret keycloak_client_secret)
OPEN_WEBUI_CLIENT_SECRET=$(secret open_webui_client_secret)"
write open-webui-login.env "OAUTH_CLIENT_SECRET=$(secret open_webui_client_secret)"

chmod 0400 secrets/keycloak_client_secret secrets/keycloak_database_password
if [ "$(id -u)" = 0 ]; then
  chown 1000:1000 secrets/keycloak_client_secret
  chown 999:999 secrets/keycloak_database_password
fi
grep -q '^LOGIN_HOST=' .env || printf 'LOGIN_HOST=%s\n' "$login" >>.env
[ -s keycloak/config/servers.json ] || sed "s/LOGIN_HOST\//$login\//" "$here/servers.json" >keycloak/config/servers.json
chmod 0755 keycloak/config
chmod 0644 keycloak/config/servers.json
echo "Ready. Start with: docker compose -f compose.yaml -f compose.keycloak.yaml up -d"
