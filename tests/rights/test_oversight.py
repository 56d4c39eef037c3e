"""AUD-01: the head of the audit chain leaves the machine daily: a line in a file, a mail to the officer."""

import logging
from pathlib import Path

import pytest
from django.db import connections

from config.settings import EMAIL_BACKEND
from panel.audit import anchors, services
from panel.audit.models import AuditEvent, AuditSeal
from panel.members.models import Study
from panel.rights import oversight, tasks
from tests import triggers
from tests.factories import cast

pytestmark = pytest.mark.django_db
DPO = "personvern@example.org"


@pytest.fixture
def chain(settings, tmp_path):
    """A study whose making left events; anchors lie apart."""
    settings.AUDIT_ANCHOR_FILE = str(tmp_path / "anchors.txt")
    settings.AUDIT_ANCHOR_MAIL = True
    for slug in ("one", "two"):
        Study.objects.filter(pk=cast.bare_study(slug).pk).update(dpo_contact=DPO)
    return Path(settings.AUDIT_ANCHOR_FILE)


def test_the_head_is_noted_and_mailed_once_to_each_officer(chain, mail_catcher):
    told = oversight.anchor(now=cast.NOW)
    assert (told.noted, told.sent, told.officers) == (True, 1, 1)
    position, digest, _minute = chain.read_text().split()
    (letter,) = mail_catcher.letters()
    assert letter["To"] == DPO
    for part in letter.iter_parts():
        assert digest in part.get_content()
        assert f" {position} " in part.get_content()
    text = letter.get_body(("plain",)).get_content()
    assert "Revisjonssporet har" in text
    assert "The audit trail holds" in text


def test_a_broken_chain_is_mailed_and_not_anchored(chain, mail_catcher, caplog):
    oversight.anchor(now=cast.NOW)
    first = AuditSeal.objects.get(position=1)
    with triggers.lifted([connections["default"]]):
        AuditEvent.objects.filter(uid=first.event).update(actor="somebody")
    told = oversight.anchor(now=cast.NOW)
    assert (told.noted, told.sent) == (False, 1)
    assert "broken at position 1" in caplog.text
    text = mail_catcher.letters()[1].get_body(("plain",)).get_content()
    assert str(first.event) in text
    assert "holder ikke" in text
    assert chain.read_text().count("\n") == 1


def test_a_server_that_is_away_takes_nothing_from_the_file(chain, settings, caplog):
    settings.EMAIL_BACKEND = EMAIL_BACKEND  # to a port where nobody listens
    told = oversight.anchor(now=cast.NOW)
    assert (told.noted, told.sent, told.officers) == (True, 0, 1)
    assert ("0 of 1" in caplog.text, DPO in caplog.text) == (True, False)
    assert anchors.verify().ok


def test_without_the_setting_nobody_is_mailed(chain, settings, mail_catcher):
    settings.AUDIT_ANCHOR_MAIL = False
    assert oversight.anchor(now=cast.NOW).officers == 0
    assert mail_catcher.letters() == []


def test_the_task_anchors_each_night(chain, mail_catcher, caplog):
    tasks.anchor_audit()
    services.record(by=cast.SYSTEM, verb="role.given", now=cast.NOW)
    tasks.anchor_audit()
    assert chain.read_text().count("\n") == 2
    assert not [told for told in caplog.records if told.levelno >= logging.ERROR]
