"""Django's settings. Addresses and secrets come from the environment, all else from one TOML file (``EVENTDESK_CONFIG``).

Only demo mode (``EVENTDESK_DEMO=1``, set by ``make run`` alone) makes its own secrets. Otherwise, a server without
``EVENTDESK_SECRET_KEY`` and ``EVENTDESK_HOSTS`` refuses to start (see ``dashboard/asgi.py``). A command that serves no pages
gets a secret that lasts as long as the command.
"""

import os
import secrets
from pathlib import Path

from dashboard.hints.address import redis_of
from dashboard.setup.config_file import configuration
from dashboard.setup.databases import LARGE_WAL, database
from dashboard.setup.demo_secrets import demo_hash_key, demo_secret_key
from dashboard.setup.log_settings import JSON, logging_of
from dashboard.setup.mail import mail_of
from dashboard.setup.sign_in import local_login_of, provider_of
from dashboard.setup.switches import is_on
from dashboard.setup.tls import hsts_seconds
from eventstore.model import InvalidConfiguration

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("EVENTDESK_DATA") or BASE_DIR / "var").resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds sessions and password hashes

try:
    DEMO = is_on("EVENTDESK_DEMO", os.environ.get("EVENTDESK_DEMO", ""))
    DEBUG = is_on("EVENTDESK_DEBUG", os.environ.get("EVENTDESK_DEBUG", "")) and DEMO
    BEHIND_TLS = is_on("EVENTDESK_TLS", os.environ.get("EVENTDESK_TLS", ""), otherwise=not DEMO)
except InvalidConfiguration as problem:
    raise SystemExit(f"eventdesk: {problem}") from problem
SECRET_KEY_GIVEN = os.environ.get("EVENTDESK_SECRET_KEY", "") or (demo_secret_key(DATA_DIR) if DEMO else "")
SECRET_KEY = SECRET_KEY_GIVEN or secrets.token_urlsafe(50)
EVENTDESK_HASH_KEY = os.environ.get("EVENTDESK_HASH_KEY", "") or (demo_hash_key(DATA_DIR) if DEMO else "")
EVENTDESK_HANDLE_KEY = os.environ.get("EVENTDESK_HANDLE_KEY", "")  # handles of personal ids; empty: of SECRET_KEY
EVENTDESK_HOOK_SECRET = os.environ.get("EVENTDESK_HOOK_SECRET", "")
EVENTDESK_ALERT_WEBHOOK = os.environ.get("EVENTDESK_ALERT_WEBHOOK", "")
EVENTDESK_SEAL_KEY = os.environ.get("EVENTDESK_SEAL_KEY", "")
EVENTDESK_SEAL_PUBLIC_KEY = os.environ.get("EVENTDESK_SEAL_PUBLIC_KEY", "")
EVENTDESK_SEALS = os.environ.get("EVENTDESK_SEALS", "")
EVENTDESK_SEAL_EVERY = os.environ.get("EVENTDESK_SEAL_EVERY", "") or "300"
HOSTS_GIVEN = [host.strip() for host in os.environ.get("EVENTDESK_HOSTS", "").split(",") if host.strip()]
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = LOOPBACK_HOSTS if DEMO else HOSTS_GIVEN or LOOPBACK_HOSTS  # only this machine may use a demo
PROXIES = os.environ.get("EVENTDESK_PROXIES", "")  # how many proxies add to X-Forwarded-For; "" is not known

EVENTSTORE_URL = os.environ.get("EVENTSTORE_URL") or "database://"
EVENTSTORE_NAMESPACES = os.environ.get("EVENTSTORE_NAMESPACES") or "public/default"
PULSAR_ADMIN_URL = os.environ.get("PULSAR_ADMIN_URL", "")
try:
    EVENTDESK = configuration(
        os.environ.get("EVENTDESK_CONFIG", ""),
        demo_path=str(BASE_DIR / "examples" / "demo.toml") if DEMO else "",
        store_url=EVENTSTORE_URL,
    )
    MAIL = mail_of(os.environ.get("EVENTDESK_MAIL_URL", ""))
    REDIS = redis_of(os.environ.get("EVENTDESK_REDIS", ""))  # no CHANNEL_LAYERS: a socket would wait for Redis to open
    EVENTDESK_READ_ONLY = is_on("EVENTDESK_READ_ONLY", os.environ.get("EVENTDESK_READ_ONLY", ""))  # or the file says so
    SECURE_HSTS_SECONDS = hsts_seconds(os.environ.get("EVENTDESK_HSTS", "")) if BEHIND_TLS else 0
    SIGN_IN = provider_of(os.environ)
    LOCAL_LOGIN = local_login_of(os.environ, SIGN_IN)
    LOGS_JSON = os.environ.get("EVENTDESK_LOG_FORMAT", "") == JSON
    LOGGING = logging_of(os.environ.get("EVENTDESK_LOG_FORMAT", ""), os.environ.get("EVENTDESK_LOG", "") or "WARNING")
except InvalidConfiguration as problem:
    raise SystemExit(f"eventdesk: {problem}") from problem

CLEAR_FOR: list[str] = []  # the roles that see every value, if the configuration's [masking] does not say

# daphne is missing here on purpose. Its own command starts it; as an app it would load a web server into every command.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "eventstore",
    "eventstore.index",
    "eventstore.forgotten",
    "eventstore.jobs",
    "eventstore.local",
    "eventstore.drivers.database",
    "dashboard",
    "dashboard.record",
    "dashboard.observing",
    "dashboard.accounts",
]

MIDDLEWARE = [
    "dashboard.observing.requests.measured",
    "dashboard.observing.own_host.named_as_own",
    "dashboard.web.middleware.isolated",
    "csp.middleware.CSPMiddleware",
    "dashboard.web.middleware.tell_of_missing_tls",
    "django.middleware.security.SecurityMiddleware",
    "dashboard.web.middleware.compress_static_texts",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.accounts.middleware.whole_logins_only",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.web.middleware.DeskMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.signin.middleware.ProviderMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.web.template_context.desk",
            ],
            "builtins": ["dashboard.templatetags.desk"],
        },
    }
]

DATABASE_GIVEN = bool(os.environ.get("DATABASE_URL"))
DATABASES = {
    "default": database(os.environ.get("DATABASE_URL", ""), DATA_DIR / "desk.sqlite3"),
    "index": database(os.environ.get("INDEX_DATABASE_URL", ""), DATA_DIR / "index.sqlite3", pragmas=LARGE_WAL),
    "store": database(os.environ.get("STORE_DATABASE_URL", ""), DATA_DIR / "store.sqlite3"),
}
DATABASE_ROUTERS = ["dashboard.setup.databases.RouteByLabel"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "dashboard.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SOCIALACCOUNT_ADAPTER = "dashboard.signin.allauth_adapter.DeskSocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = False

# A browser takes a cookie of such a name only from this host, over TLS, and for the whole of it: no neighbour can plant one.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = ("__Host-sessionid", "__Host-csrftoken") if BEHIND_TLS else ("sessionid", "csrftoken")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_AGE = EVENTDESK.access.session_hours * 3600  # the server ends a login that is not used before that
SESSION_ENGINE = "dashboard.accounts.session_store"
OTP_TOTP_ISSUER = EVENTDESK.installation.name
OTP_TOTP_THROTTLE_FACTOR = 0  # dashboard.access.login_limit limits codes
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [o.strip() for o in os.environ.get("EVENTDESK_ORIGINS", "").split(",") if o.strip()]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # never in a cookie: they may name what was done
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics/?$"]  # asked for by machines beside the server
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
# Preloading (W021) is for the owner of the whole domain to ask for, and hardly to be undone: no desk sends that.
# TLS can be off (EVENTDESK_TLS=0) or HSTS (EVENTDESK_HSTS=0) only where somebody said so.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],  # websockets of this origin too
        "object-src": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS: list[str] = []
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False

MAIL_IS_SET_UP = bool(MAIL.host)
EMAIL_HOST, EMAIL_PORT = MAIL.host or "localhost", MAIL.port or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.ssl, MAIL.starttls
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = os.environ.get("EVENTDESK_MAIL_FROM") or "eventdesk@localhost"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False
