"""With DEBUG off the settings refuse what is for one machine with invented people, each with a sentence."""

import base64
import runpy
import secrets
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

SETTINGS = Path(__file__).resolve().parents[2] / "config" / "settings.py"
POSTGRES = "postgres://panel:secret@db.example.org/{}"
REAL = {
    "DEBUG": "false",
    "PROCESS": "worker",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "SERVICE_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    "KEK_FILE": "/run/keys/kek.json",
    "JOURNAL_FILE": "/run/journal/journal.jsonl",
    "AUDIT_ANCHOR_FILE": "/run/journal/audit-anchors.txt",
    "DATABASE_URL": POSTGRES.format("panel"),
    "VAULT_DATABASE_URL": POSTGRES.format("vault"),
    "KEYSTORE_DATABASE_URL": POSTGRES.format("keystore"),
    "REDIS_URL": "redis://redis.example.org:6379/0",
    "BASE_URL": "https://panel.example.org",
}


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Settings as a process would read them from this environment."""

    def run(**changes):
        environment = {**REAL, "GJENSYN_ENV_FILE": str(tmp_path / "none"), **changes}
        for name in (*environment, "ALLOWED_HOSTS", "CLOCK_FILE", "EMAIL_USE_TLS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))

    return run


def test_a_real_installation_starts(read):
    settings = read()
    assert settings["DEBUG"] is False
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["CELERY_BROKER_URL"] == REAL["REDIS_URL"]
    assert settings["ALLOWED_HOSTS"] == ["panel.example.org"]


def test_staff_need_a_second_factor_unless_it_is_one_machine_with_invented_people(read):
    assert read()["SECOND_FACTOR"] is True
    assert read(DEBUG="true")["SECOND_FACTOR"] is False
    assert read(DEBUG="true", SECOND_FACTOR="true")["SECOND_FACTOR"] is True
    assert read()["MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"] is False


def test_the_institutions_log_in_is_there_by_settings_alone(read):
    assert (read()["OIDC_NAME"], read()["SOCIALACCOUNT_PROVIDERS"]) == ("", {})
    given = {"OIDC_ISSUER": "https://auth.example.org/", "OIDC_CLIENT_ID": "one", "OIDC_CLIENT_SECRET": "two"}
    settings = read(**given)
    (app,) = settings["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"]
    assert (settings["OIDC_NAME"], app["client_id"], app["secret"]) == ("Feide", "one", "two")
    assert app["settings"]["server_url"] == "https://auth.example.org"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is weak"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is weak"),
        ({"SERVICE_KEY": None}, "SERVICE_KEY is not set"),
        ({"SERVICE_KEY": "not base64!"}, "not base64"),
        ({"SERVICE_KEY": base64.b64encode(b"\0" * 32).decode()}, "SERVICE_KEY is weak"),
        ({"KEK_FILE": None}, "KEK_FILE is not set"),
        ({"JOURNAL_FILE": None}, "JOURNAL_FILE is not set"),
        ({"AUDIT_ANCHOR_FILE": None}, "AUDIT_ANCHOR_FILE is not set"),
        ({"SECOND_FACTOR": "false"}, "SECOND_FACTOR is off"),
        ({"OIDC_ISSUER": "https://auth.example.org", "OIDC_CLIENT_SECRET": "x"}, "OIDC_CLIENT_ID is not set"),
        ({"OIDC_ISSUER": "https://auth.example.org", "OIDC_CLIENT_ID": "x"}, "OIDC_CLIENT_SECRET is not set"),
        ({"PROCESS": "portal"}, "must not have KEK_FILE"),
        ({"KEK_PROVIDER": "paper"}, "KEK_PROVIDER is one of"),
        ({"KEK_PROVIDER": "transit"}, "KEK_TRANSIT_URL is not set"),
        ({"KEK_PROVIDER": "kms", "KEK_KMS_KEY": "alias/panel"}, "KEK_KMS_REGION is not set"),
        ({"KEK_TRANSIT_URL": "http://vault.example.org:8200"}, "KEK_TRANSIT_URL must be https"),
        ({"PROCESS": "everything"}, "PROCESS is one of"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "sqlite:////tmp/x"}, "DATABASE_URL is a SQLite file"),
        ({"VAULT_DATABASE_URL": "sqlite:////tmp/x"}, "VAULT_DATABASE_URL is a SQLite file"),
        ({"KEYSTORE_DATABASE_URL": "sqlite:////tmp/x"}, "KEYSTORE_DATABASE_URL is a SQLite file"),
        ({"REDIS_URL": "unix:///tmp/redis.sock?db=0"}, "REDIS_URL is a socket"),
        ({"CLOCK_FILE": "/tmp/clock"}, "the clock can be moved"),
        ({"BASE_URL": "http://panel.example.org"}, "BASE_URL must be https"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ],
)
def test_an_unsafe_installation_is_refused_with_a_sentence(read, change, words):
    with pytest.raises(ImproperlyConfigured, match=words) as refusal:
        read(**change)
    told = str(refusal.value)
    assert all(secret not in told for secret in (REAL["SECRET_KEY"], REAL["SERVICE_KEY"], "secret@"))


def test_a_secret_can_come_as_a_file(read, tmp_path):
    file = tmp_path / "secret"
    file.write_text(REAL["SECRET_KEY"] + "\n")
    assert read(SECRET_KEY=None, SECRET_KEY_FILE=str(file))["SECRET_KEY"] == REAL["SECRET_KEY"]


@pytest.mark.parametrize("given", ['{"name": "Host"}', '[{"name": "Host"}]', '["Host"]'])
def test_processors_of_another_form_are_refused_with_a_sentence(read, given):
    with pytest.raises(ImproperlyConfigured, match="name, what and where"):
        read(PROCESSORS=given)
    right = [{"name": "Host", "what": "servers", "where": "Oslo"}]
    assert read(PROCESSORS='[{"name": "Host", "what": "servers", "where": "Oslo"}]')["PROCESSORS"] == right


@pytest.mark.parametrize("process", ["portal", "beat"])
def test_who_opens_no_card_does_not_know_where_cards_are(read, process):
    """ZON-01: a process gets only what it needs."""
    settings = read(PROCESS=process, KEK_FILE=None, VAULT_DATABASE_URL=None, KEYSTORE_DATABASE_URL=None)
    assert set(settings["DATABASES"]) == {"default"}


def test_nobody_posts_a_recruitment_files_size_to_respondents_pages(read):
    portal = {
        "PROCESS": "portal",
        "KEK_FILE": None,
        "VAULT_DATABASE_URL": None,
        "KEYSTORE_DATABASE_URL": None,
    }
    sizes = [read(**one)["DATA_UPLOAD_MAX_MEMORY_SIZE"] for one in (portal, {"PROCESS": "desk"})]
    assert sizes == [1 << 20, 64 << 20]


def test_a_single_machine_starts_on_sqlite_with_debug_only(read):
    settings = read(
        DEBUG="true", PROCESS="all", DATABASE_URL="sqlite:////tmp/x", BASE_URL="http://127.0.0.1:8000"
    )
    assert settings["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "WAL" in settings["DATABASES"]["default"]["OPTIONS"]["init_command"]
