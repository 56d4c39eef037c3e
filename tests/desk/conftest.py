"""The desk with the shared cast: a study in mid-wave, made once for each module; a browser for each of the cast."""

from copy import deepcopy

import pytest
from django.test import Client

from panel import clock
from panel.rights import consent_forms, files, reconsent, requests
from panel.rights import services as rights
from tests.factories import cast, forms, scene
from tests.factories.staged import staged

NOW = scene.REMINDER_DAY + scene.DAY


def stage():
    """In mid-wave, with letters in doubt, a pause and a release that waits for its review."""
    made = scene.scene(8)
    scene.doubt(scene.REMINDER_DAY)
    rights.ask_stop(
        by=cast.LIV, member=made.members[7], rung="pause", channel="told staff",
        until=(NOW + 40 * scene.DAY).date(), now=NOW,
    )  # fmt: skip
    requests.receive(
        by=cast.VERA, member=made.members[6], kind="erasure", channel="mail", now=NOW,
        asked="Wants to leave, and asks who has the files.",
    )  # fmt: skip
    files.register(
        by=cast.LIV, study=made.study, kind="linked_file", what="Panel 2022–2023", where="Encrypted disk 4",
        holder="Ines", made_on=NOW.date(), codes=[one.code for one in made.members], now=NOW,
    )  # fmt: skip
    new_words(made.study)
    scene.crowd(made.study)
    return made, scene.release(made.study)


def new_words(study):
    """A run that asked for new consent and is over, its holds lifted; and the draft of the next form."""
    run = forms.asked(study, "2023-10-01", now=NOW)
    reconsent.close(by=cast.LIV, run=run, lift=True, now=NOW)
    consent_forms.new_version(by=cast.SIGNE, study=study, form=run.form, version="2023-11-01", now=NOW)


@pytest.fixture(scope="module")
def _stage(django_db_setup, django_db_blocker):
    with staged(django_db_blocker, stage) as made:
        yield made


@pytest.fixture
def now(monkeypatch):
    """The moment at which the desk is looked at."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


@pytest.fixture
def field(_stage, db, now):
    return deepcopy(_stage[0])


@pytest.fixture
def release(_stage, field):
    return deepcopy(_stage[1])


@pytest.fixture
def at_desk(db, now):
    """A browser of somebody of the cast: `at_desk(cast.SIGNE)`."""

    def enter(actor):
        client = Client()
        client.force_login(cast.user(actor))
        return client

    return enter
