"""All settings, read once from typed environment variables. Every secret can also come as NAME_FILE.

No rule lives here and no default is unsafe: without DEBUG the single-machine parts, a missing key and a weak
secret are refused at start, each with a sentence. What a single machine needs is written to var/local.env by
config/local/env.py.
"""

import base64
import binascii
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv, validate

from config import loggers, schedule
from config.dress import UNFOLD as UNFOLD
from config.policy import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY

BASE_DIR = Path(__file__).resolve().parent.parent
env = FileAwareEnv(strip_whitespace=True)
_env_file = Path(os.environ.get("GJENSYN_ENV_FILE", BASE_DIR / "var" / "local.env"))
if _env_file.is_file():
    env.read_env(str(_env_file), recurse=False)


def required(name: str, hint: str) -> str:
    """A setting nothing works without; `hint` says how to make one."""
    value: str = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. {hint} On one machine, `make setup` makes it for you."
        )
    return value


def refuse_unless(ok: bool, sentence: str) -> None:
    """What a real installation must not do. With DEBUG on (one machine, invented people) it may."""
    if not ok and not DEBUG:
        raise ImproperlyConfigured(sentence)


DEBUG: bool = env.bool("DEBUG", False)

#: portal | desk | worker | beat | migrate in production, so that a process gets only what it needs; all on one machine.
PROCESS: str = env.str("PROCESS", "all")
if PROCESS not in {"all", "portal", "desk", "worker", "beat", "migrate"}:
    raise ImproperlyConfigured(
        "PROCESS is one of portal, desk, worker, beat, migrate, or all on a single machine."
    )

SECRET_KEY = required("SECRET_KEY", "Give 50 random characters or more.")
refuse_unless(
    len(SECRET_KEY) >= 50 and len(set(SECRET_KEY)) >= 10,
    "SECRET_KEY is weak: give at least 50 random characters.",
)

# --- keys: two roots. The KEK opens cards (worker, desk); the service key makes tokens and the audit chain.
KEK_FILE: str = env.str("KEK_FILE", "")
refuse_unless(
    bool(KEK_FILE) or PROCESS not in {"desk", "worker"},
    "KEK_FILE is not set. Make one with `manage.py keys init` and give its path to desk and worker.",
)
refuse_unless(
    not KEK_FILE or PROCESS != "portal",
    "The portal must not have KEK_FILE: respondents' pages open no cards.",
)
#: Who processes data for the institution: [{"name", "what", "where"}] as JSON, for `manage.py ropa` (GDPR 30).
PROCESSORS: Any = env.json("PROCESSORS", [])
if not isinstance(PROCESSORS, list) or not all(
    isinstance(one, dict) and {"name", "what", "where"} <= one.keys() for one in PROCESSORS
):
    raise ImproperlyConfigured("PROCESSORS is a JSON list of objects with name, what and where.")
#: What seals the keys in KEK_FILE: file (nothing but its mode 0600) | environment (development) | transit | kms.
KEK_PROVIDER: str = env.str("KEK_PROVIDER", "file")
KEK_ENVIRONMENT: str = env.str("KEK_ENVIRONMENT", "")  # 32 bytes in base64
KEK_TRANSIT_URL: str = env.str("KEK_TRANSIT_URL", "")
KEK_TRANSIT_KEY: str = env.str("KEK_TRANSIT_KEY", "")
KEK_TRANSIT_TOKEN_FILE: str = env.str("KEK_TRANSIT_TOKEN_FILE", "")  # a path: an agent renews what lies there
KEK_TRANSIT_MOUNT: str = env.str("KEK_TRANSIT_MOUNT", "transit")
KEK_TRANSIT_NAMESPACE: str = env.str("KEK_TRANSIT_NAMESPACE", "")
KEK_TRANSIT_CA_FILE: str = env.str("KEK_TRANSIT_CA_FILE", "")
KEK_KMS_KEY: str = env.str("KEK_KMS_KEY", "")  # id, ARN or alias
KEK_KMS_REGION: str = env.str("KEK_KMS_REGION", "")
KEK_KMS_ENDPOINT: str = env.str("KEK_KMS_ENDPOINT", "")  # only where it isn't the region's own
_needed = {
    "file": {},
    "environment": {"KEK_ENVIRONMENT": KEK_ENVIRONMENT},
    "transit": {
        "KEK_TRANSIT_URL": KEK_TRANSIT_URL,
        "KEK_TRANSIT_KEY": KEK_TRANSIT_KEY,
        "KEK_TRANSIT_TOKEN_FILE": KEK_TRANSIT_TOKEN_FILE,
    },
    "kms": {"KEK_KMS_KEY": KEK_KMS_KEY, "KEK_KMS_REGION": KEK_KMS_REGION},
}
if KEK_PROVIDER not in _needed:
    raise ImproperlyConfigured("KEK_PROVIDER is one of file, environment, transit, kms.")
for _name, _value in _needed[KEK_PROVIDER].items():
    refuse_unless(
        bool(_value) or not KEK_FILE, f"{_name} is not set, and KEK_PROVIDER={KEK_PROVIDER} needs it."
    )
refuse_unless(
    not KEK_TRANSIT_URL or KEK_TRANSIT_URL.startswith("https://"),
    "KEK_TRANSIT_URL must be https://, for keys travel on it.",
)
try:
    SERVICE_KEY = base64.b64decode(required("SERVICE_KEY", "Give 32 random bytes in base64."), validate=True)
except binascii.Error as error:
    raise ImproperlyConfigured("SERVICE_KEY is not base64. Give 32 random bytes in base64.") from error
if len(SERVICE_KEY) < 32 or len(set(SERVICE_KEY)) < 8:
    raise ImproperlyConfigured("SERVICE_KEY is weak: give 32 random bytes in base64.")

# --- the journal: what a restored backup must not forget lies outside the databases (CRY-11)
JOURNAL_FILE: str = env.str("JOURNAL_FILE", "")
refuse_unless(
    bool(JOURNAL_FILE) or PROCESS not in {"desk", "worker"},
    "JOURNAL_FILE is not set. Give desk and worker a path outside the databases, on a disk with its own backup.",
)

#: Heads of the audit chain are noted here daily, outside the databases; on one machine beside them (AUD-01).
AUDIT_ANCHOR_FILE: str = env.str("AUDIT_ANCHOR_FILE", "")
refuse_unless(
    bool(AUDIT_ANCHOR_FILE) or PROCESS != "worker",
    "AUDIT_ANCHOR_FILE is not set. Give the worker a path outside the databases, beside the journal.",
)
#: Whether each head is mailed to the studies' data-protection officers too.
AUDIT_ANCHOR_MAIL: bool = env.bool("AUDIT_ANCHOR_MAIL", False)

# --- three databases, so that a thief of any one has little (ZON-01)
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
}


def database(name: str) -> dict[str, Any]:
    """One database by its URL; SQLite in WAL mode on a single machine only."""
    required(name, "Give a postgres:// address.")
    config: dict[str, Any] = env.dj_db_url(name)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        sentence = (
            f"{name} is a SQLite file. That is for one machine with DEBUG on: give a postgres:// address."
        )
        refuse_unless(False, sentence)
        config["OPTIONS"] = dict(SQLITE_OPTIONS)
    config["CONN_HEALTH_CHECKS"] = True
    config["CONN_MAX_AGE"] = 60
    return config


DATABASES = {"default": database("DATABASE_URL")}
if PROCESS not in {"portal", "beat"}:  # they open no card: they don't even know where the cards are
    DATABASES |= {"vault": database("VAULT_DATABASE_URL"), "keystore": database("KEYSTORE_DATABASE_URL")}
DATABASE_ROUTERS = ["config.routers.ZoneRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery
REDIS_URL = required("REDIS_URL", "Give redis://host:6379/0 or unix:///path/redis.sock.")
refuse_unless(
    not REDIS_URL.startswith("unix:"), "REDIS_URL is a socket of this machine: give a redis:// address."
)
_redis = urlsplit(REDIS_URL)
CELERY_BROKER_URL = f"redis+socket://{_redis.path}" if _redis.scheme == "unix" else REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A task whose worker died is given to another after this; the rows say what is still to be done.
    "visibility_timeout": env.int("VISIBILITY_TIMEOUT", 300),
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 15,  # a worker killed while it hands such tasks on keeps the others from it no longer
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # NEV-09: nothing of a task is kept in the broker once it ran
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_DB_REUSE_MAX = 1000  # config/celery.py leaves those that are too old or dead
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = schedule.QUEUES
CELERY_TASK_ROUTES = schedule.ROUTES
CELERY_TIMEZONE = "Europe/Oslo"
CELERY_BEAT_SCHEDULE = schedule.beat(timedelta(seconds=env.float("BEAT_TICK", 30.0)))
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# --- mail: sent from panel/invitations/post.py only
EMAIL_BACKEND = "panel.invitations.post.Backend"
EMAIL_HOST: str = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT: int = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = env.bool("EMAIL_USE_TLS", not DEBUG)
EMAIL_TIMEOUT = 30
#: How fast letters go over all workers, as the mail provider allows; 0 sets no limit. Service mail doesn't count
#: towards the day.
MAIL_PER_SECOND: int = env.int("MAIL_PER_SECOND", 0, validate=validate.Range(min=0))
MAIL_PER_DOMAIN_PER_MINUTE: int = env.int("MAIL_PER_DOMAIN_PER_MINUTE", 0, validate=validate.Range(min=0))
MAIL_PER_DAY: int = env.int("MAIL_PER_DAY", 0, validate=validate.Range(min=0))
#: Letters that a worker checks and makes ready at once. How many are in doubt after a crash does not hang on it.
MAIL_CHUNK: int = env.int("MAIL_CHUNK", 1000, validate=validate.Range(min=1))

# --- the example study moves its own clock; a real installation can't
CLOCK_FILE: str = env.str("CLOCK_FILE", "")
refuse_unless(
    not CLOCK_FILE, "CLOCK_FILE is set: the clock can be moved in the example study only (DEBUG on)."
)

# --- web
BASE_URL: str = required(
    "BASE_URL", "Give the address respondents reach, as https://panel.example.org."
).rstrip("/")
refuse_unless(
    BASE_URL.startswith("https://"), "BASE_URL must be https://, for the links in letters are keys."
)
#: Letters come from the host of their links: one domain in a mail (MAIL-02).
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", "") or f"post@{urlsplit(BASE_URL).hostname}"
#: Where what can't be delivered comes back to, as bounces@panel.example.org; each letter adds +… of its own (VERP).
BOUNCE_ADDRESS: str = env.str("BOUNCE_ADDRESS", "").strip().lower()
if BOUNCE_ADDRESS and not re.fullmatch(r"[a-z0-9._-]{1,19}@[a-z0-9-]+(\.[a-z0-9-]+)+", BOUNCE_ADDRESS):
    raise ImproperlyConfigured(
        "BOUNCE_ADDRESS is one plain address, its name 19 characters at most, as bounces@panel.example.org."
    )
#: Where they are read: maildir:/path, or imaps://user@host/INBOX with its password. Blank: they are not read.
BOUNCE_MAILBOX: str = env.str("BOUNCE_MAILBOX", "")
BOUNCE_MAILBOX_PASSWORD: str = env.str("BOUNCE_MAILBOX_PASSWORD", "")
if BOUNCE_MAILBOX and urlsplit(BOUNCE_MAILBOX).scheme not in {"maildir", "imaps"}:
    raise ImproperlyConfigured(
        "BOUNCE_MAILBOX is maildir:/path or imaps://user@host/INBOX: nothing else is read."
    )
if BOUNCE_MAILBOX.startswith("imaps:") and (not BOUNCE_MAILBOX_PASSWORD or urlsplit(BOUNCE_MAILBOX).password):
    raise ImproperlyConfigured(
        "BOUNCE_MAILBOX_PASSWORD is not set: an imaps:// mailbox needs it there (or as _FILE), not in its address."
    )
#: Where letters leave through a provider that tells by webhook what became of them: brevo, mailgun, postmark.
MAIL_PROVIDER: str = env.str("MAIL_PROVIDER", "")
ANYMAIL: dict[str, str] = {
    "WEBHOOK_SECRET": env.str("ANYMAIL_WEBHOOK_SECRET", ""),  # user:password
    "MAILGUN_WEBHOOK_SIGNING_KEY": env.str("ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY", ""),
}
#: Who gets a person's mail that nobody can place; blank where there is one study alone, whose inbox it is.
OPERATOR_EMAIL: str = env.str("OPERATOR_EMAIL", "")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [urlsplit(BASE_URL).hostname or ""])
refuse_unless("*" not in ALLOWED_HOSTS, "ALLOWED_HOSTS holds a *: name the hosts.")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = not DEBUG and PROCESS in {"portal", "desk"}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_REFERRER_POLICY = "no-referrer"  # a link is a key: it must not travel on
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = 12 * 3600  # the longest; idle ones end earlier
STAFF_IDLE_MINUTES: int = env.int("STAFF_IDLE_MINUTES", 30)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
# Uploads stay in memory: a recruitment file must not be spooled to disk in clear (ZON-06).
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
#: Anybody can post to respondents' pages, and no answer there is long.
UPLOAD_MAX = (1 if PROCESS == "portal" else 64) * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "consent",
    "panel.keys",
    "panel.audit",
    "panel.staff",
    "panel.journal",
    "panel.vault",
    "panel.members",
    "panel.enrolment",
    "panel.instruments",
    "panel.waves",
    "panel.invitations",
    "panel.responses",
    "panel.residency",
    "panel.releases",
    "panel.rights",
    "panel.portal",
    "panel.desk",
    "panel.api",
    "panel.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "panel.desk.middleware.DeskBorder",
    "allauth.account.middleware.AccountMiddleware",
    "panel.staff.middleware.StaffSession",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
WHITENOISE_USE_FINDERS = True  # no collect step on a single machine
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
LOGIN_URL = "/desk/login/"

# --- staff log in under /desk/ (django-allauth); its pages are panel/desk/accounts.py, its behaviour panel/staff
#: Whoever has no second factor yet sets one up before anything else opens.
SECOND_FACTOR: bool = env.bool("SECOND_FACTOR", not DEBUG)
refuse_unless(SECOND_FACTOR, "SECOND_FACTOR is off: staff need a second factor. Take the setting away.")
#: How many proxies stand before the desk and add to X-Forwarded-For: tries are counted by address too.
ALLAUTH_TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXIES", 0)
ACCOUNT_ADAPTER = "panel.staff.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_USERNAME_MIN_LENGTH = 2
#: By address and by user name, over one shared cache; the sentence in panel/staff/adapters.py names the five minutes.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "20/5m/ip,5/5m/key", "reauthenticate": "10/m/user"}
PASSWORD_RESET_TIMEOUT = 24 * 3600  # the operator's one-time link
MFA_ADAPTER = "panel.staff.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Gjensyn"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
#: The institution's own log-in by OpenID Connect, as Feide: all three or none.
OIDC_ISSUER: str = env.str("OIDC_ISSUER", "").rstrip("/")
OIDC_NAME: str = env.str("OIDC_NAME", "Feide") if OIDC_ISSUER else ""
SOCIALACCOUNT_ADAPTER = "panel.staff.oidc.SocialAdapter"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_ISSUER:
    _client = {
        "client_id": required("OIDC_CLIENT_ID", "The institution's log-in needs it."),
        "secret": required("OIDC_CLIENT_SECRET", "The institution's log-in needs it."),
    }
    _app = {"provider_id": "oidc", "name": OIDC_NAME, "settings": {"server_url": OIDC_ISSUER}, **_client}
    SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [_app]}}
PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("Scrypt", "PBKDF2")]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "panel.api.errors.handler",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=90), "AUTO_REFRESH": False, "TOKEN_PREFIX": "gj_"}

# --- language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("nb", "norsk bokmål"), ("en", "English"), ("uk", "українська"), ("ru", "русский")]
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "Europe/Oslo"

# --- logs
LOGGING = loggers.logging(env.str("LOG_LEVEL", "INFO"))
DEFAULT_EXCEPTION_REPORTER = "config.errorpage.Reporter"
