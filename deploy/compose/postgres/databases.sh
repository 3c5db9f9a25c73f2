#!/bin/sh
# Runs once, on an empty volume: a database and a user for each service, neither of which may open the other's.
set -eu
for name in mcpo open_webui; do
  password="$(cat "/run/secrets/${name}_database_password")"
  psql -v ON_ERROR_STOP=1 --username postgres <<SQL
create role $name login password '$password';
create database $name owner $name;
revoke connect on database $name from public;
SQL
done
