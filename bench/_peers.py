"""What others need for as many letters of the same size to the same server; run by bench/sending.py.

    python -m bench._peers WHAT DATABASE_URL SMTP_PORT FILE N

FILE holds letters as subject, text, HTML. Prints seconds as JSON, and what was tried. `post_office`: rows of its own
queue, made beforehand and not counted, sent by `send_queued_mail` with the best of several settings. `as_it_comes`: the
same by its own defaults, its rows counted, as ours are. `raw`: finished bytes by smtplib over two kept connections.
`building`: Django's EmailMessage made into bytes, not sent.
"""

import json
import os
import smtplib
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import django
from django.conf import settings
from environs import Env

WHAT, URL, PORT, FILE, NUMBER = sys.argv[1:]
os.environ.pop("DJANGO_SETTINGS_MODULE", None)
QUIET = {"CELERY_ENABLED": False, "LOG_LEVEL": 0, "BATCH_DELIVERY_TIMEOUT": 3600}
settings.configure(  # a Django that has nothing but django-post-office
    DATABASES={"default": Env().dj_db_url("NONE", default=URL)},
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    EMAIL_BACKEND="post_office.EmailBackend",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=int(PORT),
    EMAIL_TIMEOUT=30,
    USE_TZ=True,
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    POST_OFFICE=QUIET,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGGING_CONFIG=None,
)
django.setup()

from django.core.mail import EmailMultiAlternatives  # noqa: E402, TID251
from django.core.management import call_command  # noqa: E402
from post_office import mail  # type: ignore[import-untyped]  # noqa: E402
from post_office.models import STATUS, Email  # type: ignore[import-untyped]  # noqa: E402

Letter = dict[str, str]
PROCESSES = 2
#: Threads in each process and letters in each round of its command, tried with a few letters first.
TRIED = ((1, 5000), (2, 5000), (5, 500), (5, 5000), (10, 5000), (20, 5000))
FEW = 2000


def queue(letters: list[Letter], number: int) -> None:
    mail.send_many(
        [
            {
                "sender": "post@example.org",
                "recipients": [f"m{n}@example.org"],
                "subject": one["subject"],
                "message": one["text"],
                "html_message": one["html"],
                "headers": {"Auto-Submitted": "auto-generated", "Message-ID": f"<{n}@example.org>"},
            }
            for n in range(number)
            for one in [letters[n % len(letters)]]
        ]
    )


def sent_by_queue(its_settings: dict[str, Any], **given: int) -> float:
    """Seconds for its command to empty the queue."""
    vars(settings)["POST_OFFICE"] = QUIET | its_settings
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        call_command("send_queued_mail", lockfile=f"{folder}/lock", log_level=0, **given)
    took = perf_counter() - start
    assert not Email.objects.exclude(status=STATUS.sent).exists(), "it left some unsent"
    return took


def tuned(way: tuple[int, int]) -> float:
    """The same with so many threads and so large batches."""
    threads, batch = way
    return sent_by_queue({"THREADS_PER_PROCESS": threads, "BATCH_SIZE": batch}, processes=PROCESSES)


def post_office(letters: list[Letter], number: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    tries = {}
    for way in TRIED:
        queue(letters, FEW)
        tries[way] = FEW / tuned(way)
    best = max(tries, key=lambda way: tries[way])
    for start in range(0, number, 5000):
        queue(letters, min(5000, number - start))
    return {
        "seconds": tuned(best),
        "best": best,
        "tries": {str(way): round(rate) for way, rate in tries.items()},
    }


def as_it_comes(letters: list[Letter], number: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    start = perf_counter()
    queue(letters, number)
    sent_by_queue({})
    return {"seconds": perf_counter() - start}


def built(one: Letter, number: int) -> bytes:
    message = EmailMultiAlternatives(
        one["subject"], one["text"], "post@example.org", [f"m{number}@example.org"]
    )
    message.attach_alternative(one["html"], "text/html")
    content: bytes = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # (Django's own)
    return content


def building(letters: list[Letter], number: int) -> dict[str, Any]:
    start = perf_counter()
    for n in range(number):
        built(letters[n % len(letters)], n)
    return {"seconds": perf_counter() - start}


def give(port: int, contents: list[bytes], number: int) -> None:
    """So many letters over one kept connection."""
    with smtplib.SMTP("127.0.0.1", port) as line:
        for n in range(number):
            line.sendmail("post@example.org", [f"m{n}@example.org"], contents[n % len(contents)])


def raw(letters: list[Letter], number: int) -> dict[str, Any]:
    contents = [built(one, 0) for one in letters]
    start = perf_counter()
    with ProcessPoolExecutor(PROCESSES, get_context("fork")) as pool:
        done = [
            pool.submit(give, settings.EMAIL_PORT, contents, number // PROCESSES) for _ in range(PROCESSES)
        ]
        for one in done:
            one.result()
    return {"seconds": perf_counter() - start}


if __name__ == "__main__":
    of = {"post_office": post_office, "as_it_comes": as_it_comes, "raw": raw, "building": building}[WHAT]
    print(json.dumps(of(json.loads(Path(FILE).read_text()), int(NUMBER))))
