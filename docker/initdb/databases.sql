-- Three databases, each with logins of its own that reach no other (ZON-01).
-- Made by `manage.py sql-roles --part roles`; for psql, as a superuser. Passwords come from files.

-- default
\set default_owner_password `cat "${PASSWORDS:-/run/secrets}/default_owner_password"`
SELECT 'CREATE ROLE gjensyn_default_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_default_owner') \gexec
ALTER ROLE gjensyn_default_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'default_owner_password';
\set default_portal_password `cat "${PASSWORDS:-/run/secrets}/default_portal_password"`
SELECT 'CREATE ROLE gjensyn_default_portal' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_default_portal') \gexec
ALTER ROLE gjensyn_default_portal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'default_portal_password';
\set default_desk_password `cat "${PASSWORDS:-/run/secrets}/default_desk_password"`
SELECT 'CREATE ROLE gjensyn_default_desk' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_default_desk') \gexec
ALTER ROLE gjensyn_default_desk LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'default_desk_password';
\set default_worker_password `cat "${PASSWORDS:-/run/secrets}/default_worker_password"`
SELECT 'CREATE ROLE gjensyn_default_worker' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_default_worker') \gexec
ALTER ROLE gjensyn_default_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'default_worker_password';
\set default_beat_password `cat "${PASSWORDS:-/run/secrets}/default_beat_password"`
SELECT 'CREATE ROLE gjensyn_default_beat' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_default_beat') \gexec
ALTER ROLE gjensyn_default_beat LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'default_beat_password';
SELECT 'CREATE DATABASE gjensyn_default OWNER gjensyn_default_owner ENCODING ''UTF8'' TEMPLATE template0' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gjensyn_default') \gexec
REVOKE ALL ON DATABASE gjensyn_default FROM PUBLIC;
GRANT CONNECT ON DATABASE gjensyn_default TO gjensyn_default_portal, gjensyn_default_desk, gjensyn_default_worker, gjensyn_default_beat;

-- vault
\set vault_owner_password `cat "${PASSWORDS:-/run/secrets}/vault_owner_password"`
SELECT 'CREATE ROLE gjensyn_vault_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_vault_owner') \gexec
ALTER ROLE gjensyn_vault_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'vault_owner_password';
\set vault_desk_password `cat "${PASSWORDS:-/run/secrets}/vault_desk_password"`
SELECT 'CREATE ROLE gjensyn_vault_desk' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_vault_desk') \gexec
ALTER ROLE gjensyn_vault_desk LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'vault_desk_password';
\set vault_worker_password `cat "${PASSWORDS:-/run/secrets}/vault_worker_password"`
SELECT 'CREATE ROLE gjensyn_vault_worker' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_vault_worker') \gexec
ALTER ROLE gjensyn_vault_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'vault_worker_password';
SELECT 'CREATE DATABASE gjensyn_vault OWNER gjensyn_vault_owner ENCODING ''UTF8'' TEMPLATE template0' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gjensyn_vault') \gexec
REVOKE ALL ON DATABASE gjensyn_vault FROM PUBLIC;
GRANT CONNECT ON DATABASE gjensyn_vault TO gjensyn_vault_desk, gjensyn_vault_worker;

-- keystore
\set keystore_owner_password `cat "${PASSWORDS:-/run/secrets}/keystore_owner_password"`
SELECT 'CREATE ROLE gjensyn_keystore_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_keystore_owner') \gexec
ALTER ROLE gjensyn_keystore_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'keystore_owner_password';
\set keystore_desk_password `cat "${PASSWORDS:-/run/secrets}/keystore_desk_password"`
SELECT 'CREATE ROLE gjensyn_keystore_desk' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_keystore_desk') \gexec
ALTER ROLE gjensyn_keystore_desk LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'keystore_desk_password';
\set keystore_worker_password `cat "${PASSWORDS:-/run/secrets}/keystore_worker_password"`
SELECT 'CREATE ROLE gjensyn_keystore_worker' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gjensyn_keystore_worker') \gexec
ALTER ROLE gjensyn_keystore_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'keystore_worker_password';
SELECT 'CREATE DATABASE gjensyn_keystore OWNER gjensyn_keystore_owner ENCODING ''UTF8'' TEMPLATE template0' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gjensyn_keystore') \gexec
REVOKE ALL ON DATABASE gjensyn_keystore FROM PUBLIC;
GRANT CONNECT ON DATABASE gjensyn_keystore TO gjensyn_keystore_desk, gjensyn_keystore_worker;
