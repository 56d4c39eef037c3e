-- Three databases, each with an owner of its own who can reach no other (ZON-01).
-- Run once by the PostgreSQL image, as its superuser; the passwords come from files.

\set default_password `cat "$DEFAULT_PASSWORD_FILE"`
\set vault_password `cat "$VAULT_PASSWORD_FILE"`
\set keystore_password `cat "$KEYSTORE_PASSWORD_FILE"`

CREATE ROLE gjensyn_default LOGIN PASSWORD :'default_password';
CREATE ROLE gjensyn_vault LOGIN PASSWORD :'vault_password';
CREATE ROLE gjensyn_keystore LOGIN PASSWORD :'keystore_password';

CREATE DATABASE gjensyn_default OWNER gjensyn_default ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE gjensyn_vault OWNER gjensyn_vault ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE gjensyn_keystore OWNER gjensyn_keystore ENCODING 'UTF8' TEMPLATE template0;

REVOKE ALL ON DATABASE gjensyn_default, gjensyn_vault, gjensyn_keystore FROM PUBLIC;
