#!/bin/sh
# As databases.sh, for Keycloak.
set -eu
password="$(cat /run/secrets/keycloak_database_password)"
psql -v ON_ERROR_STOP=1 --username postgres <<SQL
create role keycloak login password '$password';
create database keycloak owner keycloak;
revoke connect on database keycloak from public;
SQL
