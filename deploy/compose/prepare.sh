#!/bin/sh
# Makes .env and every secret, once: what is there already stays. Usage: sudo ./prepare.sh CHAT_HOST TOOLS_HOST [folder]
set -eu
[ $# -ge 2 ] || { echo "usage: $0 CHAT_HOST TOOLS_HOST [FOLDER], such as: sudo $0 chat.example.org tools.example.org" >&2; exit 2; }
chat="$1" tools="$2"
cd "${3:-$(dirname "$0")}"
umask 077
mkdir -p secrets

# hex: safe in URLs, SQL and configuration files
random() { openssl rand -hex 32; }
# NAME VALUE: writes secrets/NAME unless it is there
write() { [ -s "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"; }
# NAME OWNER: readable by the user of one container only
own() {
  chmod 0400 "secrets/$1"
  [ "$(id -u)" != 0 ] || chown "$2" "secrets/$1"
}

write mcpo_api_key "$(random)"
write mcpo_vault_key "$(openssl rand -base64 32)"
write mcpo_audit_key "$(openssl rand -base64 32)"
write openwebui_user_jwt_secret "$(random)"
write postgres_password "$(random)"
write mcpo_database_password "$(random)"
write open_webui_database_password "$(random)"
write redis_password "$(random)"
write webui_secret_key "$(random)"
secret() { cat "secrets/$1"; }
# Inside the internal network there is no TLS; a database elsewhere needs it.
write mcpo_database_url "postgres://mcpo:$(secret mcpo_database_password)@postgres:5432/mcpo?sslmode=disable"
write mcpo_redis_url "redis://:$(secret redis_password)@redis:6379/0"
write redis_conf "bind * -::*
requirepass $(secret redis_password)
save \"\"
appendonly no
maxmemory 128mb
maxmemory-policy volatile-ttl"
connections="[{\"type\":\"openapi\",\"url\":\"http://mcpo-ts:8000\",\"spec_type\":\"url\",\"spec\":\"\",\"path\":\"openapi.json\",\"auth_type\":\"bearer\",\"headers\":{\"X-OpenWebUI-Chat-Id\":\"{{CHAT_ID}}\"},\"key\":\"$(secret mcpo_api_key)\",\"config\":{\"enable\":true,\"function_name_filter_list\":\"\",\"access_grants\":[{\"principal_type\":\"user\",\"principal_id\":\"*\",\"permission\":\"read\"}]},\"info\":{\"id\":\"mcpo-ts\",\"name\":\"Tools\",\"description\":\"Every tool of mcpo-ts\"}}]"
write open-webui.env "WEBUI_SECRET_KEY=$(secret webui_secret_key)
DATABASE_URL=postgresql://open_webui:$(secret open_webui_database_password)@postgres:5432/open_webui
FORWARD_USER_INFO_HEADER_JWT_SECRET=$(secret openwebui_user_jwt_secret)
TOOL_SERVER_CONNECTIONS=$connections"

# The users of the images: node in mcpo-ts, postgres and redis in theirs.
for name in mcpo_api_key mcpo_vault_key mcpo_audit_key mcpo_database_url mcpo_redis_url openwebui_user_jwt_secret; do own "$name" 1000:1000; done
own postgres_password 999:999
own open_webui_database_password 999:999
own mcpo_database_password 999:999
own redis_conf 999:999

[ -s .env ] || printf 'COMPOSE_PROJECT_NAME=mcpo-ts\nCHAT_HOST=%s\nTOOLS_HOST=%s\n' "$chat" "$tools" >.env
[ "$(id -u)" = 0 ] || echo "Not run as root: give the files in $(pwd)/secrets to the users of the containers as this script says, or run it with sudo." >&2
echo "Ready. Start with: docker compose up -d --build"
