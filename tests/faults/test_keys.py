"""Real processes on the keys: a rotation and a renewal killed by SIGKILL, and rotations beside a worker (CRY-04)."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from django.conf import settings as django_settings
from django.db import connections

from config.local import process
from panel.audit.rules import Actor
from panel.keys import services
from panel.keys.models import DataKey, NextKey
from panel.keys.providers import provider
from panel.vault import keyring, rules
from panel.vault import services as vault
from tests.conftest import ROOT
from tests.vault.cards import card, cards

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2023, 10, 1)
NOW = datetime(2023, 10, 3, 12, tzinfo=UTC)
BY = Actor.system("test")
#: The product's command with smaller sets, so that there is a middle to be killed in.
SLOW = """
import sys, django
django.setup()
from django.core.management import call_command
from panel.keys import renewal, rotation
from panel.vault import renewal as cards
rotation.CHUNK, renewal.CHUNK, cards.CHUNK = 20, 20, 20
call_command("keys", sys.argv[1])
"""


def env_of_worker(service_env: dict[str, str]) -> dict[str, str]:
    return {**service_env, "PROCESS": "worker", "KEK_FILE": django_settings.KEK_FILE}


def killed_at(work: str, env: dict[str, str], ready) -> None:
    """The work in a process of its own, killed as soon as `ready`; it must not have ended by itself."""
    child = process.spawn([sys.executable, "-c", SLOW, work], env=env, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not ready():
            assert child.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    finally:
        process.stop(child)


def run(env: dict[str, str], *words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "manage.py", "keys", *words, "--json"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_cry_04_a_rotation_killed_by_sigkill_again_and_again_loses_no_key_and_is_finished(service_env):
    env, codes = env_of_worker(service_env), [f"CODE{i:04}" for i in range(1500)]
    made = services.create_data_keys(codes, today=DAY)
    for part in (0, 400, 1000):  # how many keys are moved when it is killed
        current = provider().ring().current

        def moved(current=current, part=part) -> bool:
            new = provider().ring().current
            return bool(new > current and DataKey.objects.filter(kek_version=new).count() >= part)

        killed_at("rotate", env, moved)
        assert DataKey.objects.exclude(kek_version=provider().ring().current).exists()
        assert services.data_keys(codes) == made
    assert len(provider().ring().made_on) == 4
    left = DataKey.objects.exclude(kek_version=provider().ring().current).count()
    done = run(env, "rewrap")
    assert done["rewrapped"] in {left, left + 1}  # and the index root, if it was not its turn yet
    assert run(env, "destroy-old")["destroyed"] == [1, 2, 3]
    assert services.data_keys(codes) == made
    assert os.listdir(provider().path.parent).count(provider().path.name) == 1


def test_cry_04_a_renewal_killed_by_sigkill_loses_no_card_and_is_finished(service_env):
    env, people = env_of_worker(service_env), cards(300)
    codes = [data.code for data in people]
    vault.store_cards(people, today=DAY)
    old = services.data_keys(codes)
    killed_at("renew-cards", env, lambda: NextKey.objects.count() >= 100)
    killed_at("renew-cards", env, lambda: 0 < NextKey.objects.count() <= 200)  # while they take their place
    found = vault.open_cards(codes, by=BY, reason="invitation", now=NOW, study="livet")
    assert found == {data.code: data for data in people}
    assert run(env, "renew-cards") == {"renewed": 300, "damaged": 0}
    assert NextKey.objects.count() == 0
    assert not set(services.data_keys(codes).values()) & set(old.values())
    assert keyring.verify(by=BY, now=NOW, codes=codes).faulty == 0


def test_cry_04_rotations_and_a_renewal_beside_workers_that_open_and_make_cards(service_env):
    """Two threads work without a pause; each card they stored says at the end what was stored last."""
    vault.store_cards(cards(20), today=DAY)
    stored: dict[str, rules.ContactData] = {data.code: data for data in cards(20)}
    over = threading.Event()

    def work(first: int) -> None:
        try:
            for turn in itertools.count():
                new = card(first + turn)
                changed = card(first % 20, phone=f"+47{90000000 + turn}")
                vault.store_cards([new, changed], today=DAY)
                stored.update({new.code: new, changed.code: changed})
                codes = [new.code, changed.code]
                found = vault.open_cards(codes, by=BY, reason="invitation", now=NOW, study="livet")
                assert found == {new.code: new, changed.code: changed}
                if over.is_set():
                    return
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as threads:
        workers = [threads.submit(work, first) for first in (1001, 5002)]
        try:
            for _turn in range(4):
                keyring.rotate(by=BY, now=NOW)
            run(env_of_worker(service_env), "rotate")  # in another process too
            keyring.renew_cards(by=BY, now=NOW)
            keyring.rotate(by=BY, now=NOW)
        finally:
            over.set()
    for worker in workers:
        worker.result()
    assert len(provider().ring().made_on) == 1
    assert vault.open_cards(list(stored), by=BY, reason="invitation", now=NOW, study="livet") == stored
    verdict = keyring.verify(by=BY, now=NOW, codes=stored)
    assert (verdict.cards, verdict.faulty) == (len(stored), 0)
