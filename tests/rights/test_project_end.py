"""NO-04: the guided end of a project. Two studies in one installation: the one ends, the other doesn't notice."""

import csv
import io
import json
import re
import zipfile
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from django.apps import apps
from django.db import DatabaseError

from consent import services as ledger
from consent.models import ConsentEntry, ConsentText
from panel.audit import selectors as audit
from panel.audit.models import AuditEvent
from panel.enrolment import suppression
from panel.errors import BadInput, Damaged, NotAllowed, NotNow
from panel.invitations.models import Link, Outgoing
from panel.journal.models import JournalEntry
from panel.keys.models import DataKey, WrappedRoot
from panel.keys.providers import provider
from panel.members.models import PanelMember, Study
from panel.releases import services as releases
from panel.responses.models import Response
from panel.rights import archive, clearing, files, project_end, traces
from panel.rights.end_rules import CARDS, ORDER, READING, TRANSITIONS, Step, check_read, next_step
from panel.rights.models import EndStep, OutsideItem, ProjectEnd, Request, Stop
from panel.rights.requests import receive
from panel.rights.services import ask_stop
from panel.vault import services as vault
from panel.vault.models import Card, Suppressed
from panel.waves import services as waves
from panel.waves.models import Wave
from tests.factories import cast, fielding, scene

pytestmark = pytest.mark.django_db
NOW = scene.REMINDER_DAY
LATER = NOW + READING + timedelta(days=1)
WORDS = {"nb": "Takk.", "en": "Thank you.", "uk": "Дякуємо.", "ru": "Спасибо."}
NAME = "EXITNORWAY"
BY: dict[str, Any] = {"by": cast.LIV, "now": NOW}


@cache
def pair():
    """A private key and its self-signed certificate in PEM, as an archive would give it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "archive.example.org")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(LATER)
    return key, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def town():
    """A study whose waves are closed, with stops and requests; beside it another one of the same kind."""
    made = scene.scene(8)
    other = cast.study("second", name="SECOND", how_to_check=scene.HOW_TO_CHECK)
    fielding.with_letters(other)
    cast.people(other, 3, start=40)
    ask_stop(by=cast.LIV, member=made.members[7], rung="no_mail", channel="told staff", now=NOW)
    waves.close_wave(by=cast.LIV, wave=made.wave, now=NOW)
    fielding.send_all(NOW)
    return made


@pytest.fixture
def end(town):
    return project_end.begin(study=town.study, typed=NAME, **BY)


def ordered(end, step, typed=NAME, **who):
    project_end.order(end=end, step=step, typed=typed, **{**BY, **who})


def carried_out(end, step, now=NOW):
    ordered(end, step, now=now)
    assert project_end.carry_out_ordered(now=now) == 1


def upto(end, step):
    """All steps before this one, the short way."""
    short = {
        Step.RESULT: lambda: project_end.tell_results(end=end, words={}, reason="No result yet.", **BY),
        Step.RELEASE: lambda: project_end.name_release(end=end, release=None, reason="None.", **BY),
        Step.ARCHIVE: lambda: project_end.leave_archive_out(end=end, reason="Nobody agreed.", **BY),
        Step.OUTSIDE: lambda: project_end.tick_outside(end=end, **BY),
        Step.LINK_KEY: lambda: carried_out(end, Step.LINK_KEY),
        Step.ROWS: lambda: carried_out(end, Step.ROWS),
        Step.BACKUPS: lambda: project_end.tick_backups(end=end, words="Purged today.", **BY),
    }
    for one in ORDER[: ORDER.index(step)]:
        short[one]()
    end.refresh_from_db()
    return end


def everything():
    """Each text of each table of all three databases, as (table, column, text)."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            for value in model._base_manager.values_list(field.attname, flat=True):
                if isinstance(value, bytes | memoryview):
                    yield model._meta.label, field.name, bytes(value)
                else:
                    yield model._meta.label, field.name, str(value).encode()


# --- the whole way


def test_no_04_after_the_end_nothing_can_be_joined(town):
    """Codes stay in the append-only tables alone; keys, cards, locators and fingerprints of the study are gone."""
    study = town.study
    codes = [member.code.encode() for member in town.members]
    locators = [bytes(one) for one in Card.objects.values_list("locator", flat=True)]
    keys = [bytes(one) for one in DataKey.objects.values_list("locator", flat=True)]
    prints = [bytes(one) for one in study.recruitment_records.values_list("fingerprint", flat=True)]
    hashed = [bytes(one) for one in Link.objects.values_list("hash", flat=True)]
    ids = [str(one).encode() for one in study.members.values_list("pk", flat=True)]
    of_others = {bytes(one) for one in _locators(Study.objects.get(slug="second"))}
    end = project_end.begin(study=study, typed=NAME, **BY)
    project_end.certify(end=upto(end, Step.CERTIFICATE), **BY)
    gone = {*codes, *prints, *hashed, *ids, *(set(locators) - of_others)}
    found = {(table, column) for table, column, text in everything() for one in gone if one in text}
    assert {table for table, _column in found} <= traces.KEEP_CODES
    assert {table for table, _column in found} >= {"consent.ConsentEntry", "audit.AuditEvent"}
    assert DataKey.objects.count() == Card.objects.count() == len(of_others) == 3
    assert len(keys) > 3


def _locators(study):
    return [vault.Index.load().card_locator(code) for code in study.members.values_list("code", flat=True)]


def test_no_04_another_study_keeps_its_cards_keys_and_rows(town):
    second = Study.objects.get(slug="second")
    codes = list(second.members.values_list("code", flat=True))
    before = vault.open_cards(codes, by=cast.SYSTEM, reason="test", now=NOW, study="second")
    upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.CERTIFICATE)
    after = vault.open_cards(codes, by=cast.SYSTEM, reason="test", now=NOW, study="second")
    assert before == after
    assert len(after) == second.recruitment_records.count() == 3
    assert not ConsentEntry.objects.filter(subject__in=codes, action="withdrawn").exists()


def test_no_04_old_key_versions_are_destroyed_and_old_copies_of_cards_stay_shut(town):
    versions = set(provider().ring().made_on)
    code = town.members[0].code
    cards, wrapped = list(Card.objects.all()), list(DataKey.objects.all())
    upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.ROWS)
    assert not versions & set(provider().ring().made_on)
    known = {bytes(one) for one in Card.objects.values_list("locator", flat=True)}
    Card.objects.bulk_create(card for card in cards if bytes(card.locator) not in known)
    DataKey.objects.bulk_create(wrapped, ignore_conflicts=True)
    with pytest.raises(Damaged):
        vault.open_cards([code], by=cast.SYSTEM, reason="a thief's", now=NOW, study="exitnorway")


def test_no_04_with_the_last_study_the_index_root_goes_too():
    made = scene.scene(3)
    waves.close_wave(by=cast.LIV, wave=made.wave, now=NOW)
    fielding.send_all(NOW)
    root = bytes(WrappedRoot.objects.get(label="index").wrapped)
    upto(project_end.begin(study=made.study, typed=NAME, **BY), Step.ROWS)
    assert EndStep.objects.get(step="link_key").counts["index_destroyed"] is True
    assert root not in [bytes(one) for one in WrappedRoot.objects.values_list("wrapped", flat=True)]


def test_law_13_who_is_never_contacted_again_goes_with_the_key_of_that_list(town):
    suppression.suppress(by=cast.SYSTEM, member=town.members[0], now=NOW)
    assert Suppressed.objects.exists()
    upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.ROWS)
    assert not Suppressed.objects.exists()


def test_cry_11_the_journal_knows_each_so_that_a_restored_backup_is_cleared_again(town):
    upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.BACKUPS)
    erased = JournalEntry.objects.filter(kind="member_erased", study="exitnorway")
    assert set(erased.values_list("code", flat=True)) == {member.code for member in town.members}


def test_no_04_counts_of_waves_and_cleared_releases_stay(town):
    before = sum(Wave.objects.get(pk=town.wave.pk).erased.values())
    upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.BACKUPS)
    wave = Wave.objects.get(pk=town.wave.pk)
    assert sum(wave.erased.values()) - before == 8
    assert not PanelMember.objects.filter(study=town.study).exists()
    assert not Response.objects.filter(case__wave=wave).exists()
    assert (Stop.objects.count(), Outgoing.objects.filter(member__study=town.study).count()) == (0, 0)


def test_no_04_the_certificate_says_what_was_destroyed_when_and_by_whom_and_names_no_member(town):
    end = project_end.begin(study=town.study, typed=NAME, **BY)
    made = project_end.certify(end=upto(end, Step.CERTIFICATE), **BY)
    assert ProjectEnd.objects.get().certificate == made
    steps = {row["step"]: row for row in made["steps"]}
    assert list(steps) == [step.value for step in ORDER]
    assert steps["link_key"]["counts"]["cards"] == 8
    assert steps["rows"]["counts"]["members"] == 8
    assert {row["by"] for row in made["steps"]} == {"liv"}
    assert made["audit_head"]["hash"] == audit.head().hash
    assert audit.verify().ok
    assert not [member for member in town.members if member.code in json.dumps(made)]
    assert Study.objects.get(pk=town.study.pk).ended_at == NOW


# --- nothing by accident


@pytest.mark.parametrize("typed", ["", "exitnorway", "EXIT"])
def test_no_04_nothing_is_begun_or_destroyed_without_the_typed_name(town, typed):
    with pytest.raises(BadInput, match="Type the study"):
        project_end.begin(study=town.study, typed=typed, **BY)
    end = upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.LINK_KEY)
    with pytest.raises(BadInput, match="Type the study"):
        ordered(end, Step.LINK_KEY, typed)
    assert clearing.link_key_counts(town.study) == {"members": 8, "cards": 8}
    carried_out(end, Step.LINK_KEY)
    with pytest.raises(BadInput, match="Type the study"):
        ordered(end, Step.ROWS, typed)
    assert town.study.members.count() == 8


@pytest.mark.parametrize("who", [cast.SIGNE, cast.VERA, cast.INES, cast.RAVN, cast.DAG, cast.TOR])
def test_no_04_only_the_leader_ends_a_project(town, end, who):
    acts = [
        lambda: project_end.tell_results(by=who, end=end, words={}, reason="x", now=NOW),
        lambda: ordered(end, Step.LINK_KEY, by=who),
        lambda: ordered(end, Step.ROWS, by=who),
        lambda: project_end.certify(by=who, end=end, now=NOW),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize("step", list(ORDER))
def test_no_04_each_step_waits_for_the_one_before_and_is_done_once(end, step):
    done = set(ORDER[: ORDER.index(step)])
    assert next_step(done) == step
    for other in set(ORDER) - {step}:
        with pytest.raises(NotNow):
            project_end.check_order(other, done)


def test_no_04_a_step_out_of_order_changes_nothing(town, end):
    for step in (Step.LINK_KEY, Step.ROWS):
        with pytest.raises(NotNow, match="First comes"):
            ordered(end, step)
    assert project_end.carry_out_ordered(now=NOW) == 0
    assert clearing.link_key_counts(town.study)["cards"] == 8


def test_no_04_an_open_wave_stops_the_beginning():
    made = scene.scene(3)
    with pytest.raises(NotNow, match="Close the waves"):
        project_end.begin(study=made.study, typed=NAME, **BY)


def test_no_04_letters_under_way_and_open_requests_stop_the_destruction(town, end):
    upto(end, Step.LINK_KEY)
    request = receive(by=cast.LIV, member=town.members[0], kind="access", channel="mail", now=NOW)
    waiting = Outgoing.objects.filter(member__study=town.study, state="queued").count()
    with pytest.raises(NotNow, match="letters are still under way" if waiting else "requests of members"):
        ordered(end, Step.LINK_KEY)
    Outgoing.objects.filter(state="queued").update(state="sent")
    with pytest.raises(NotNow, match="requests of members"):
        ordered(end, Step.LINK_KEY)
    Request.objects.filter(pk=request.pk).update(state="closed")
    carried_out(end, Step.LINK_KEY)


def test_no_04_what_lies_outside_is_ticked_off_first(town, end):
    upto(end, Step.OUTSIDE)
    item = OutsideItem.objects.create(
        study=town.study, kind="recording", what="interviews", where="safe", holder="Liv",
        made_on=NOW.date(), registered_by="liv",
    )  # fmt: skip
    with pytest.raises(NotNow, match="1 things outside"):
        project_end.tick_outside(end=end, **BY)
    files.mark_gone(by=cast.LIV, item=item, now=NOW)
    project_end.tick_outside(end=end, **BY)
    assert EndStep.objects.get(step="outside").counts == {"items": 1}


# --- results are told, and there is time to read them


def test_no_04_each_member_is_told_the_results_and_has_time_to_read_them(town, end):
    project_end.tell_results(end=end, words=WORDS, **BY)
    letters = EndStep.objects.get(step="result").counts["letters"]
    assert letters == 7, "not the one who asked for no more mail"
    fielding.send_all(NOW)
    for step in (Step.RELEASE, Step.ARCHIVE, Step.OUTSIDE):
        _short(end, step)
    with pytest.raises(NotNow, match="can read the results until"):
        ordered(end, Step.LINK_KEY)
    carried_out(end, Step.LINK_KEY, LATER)


def _short(end, step):
    if step == Step.RELEASE:
        project_end.name_release(end=end, release=None, reason="None.", **BY)
    elif step == Step.ARCHIVE:
        project_end.leave_archive_out(end=end, reason="Nobody agreed.", **BY)
    else:
        project_end.tick_outside(end=end, **BY)


def test_no_04_the_last_day_comes_before_the_time_for_reading():
    told, last = NOW.date(), NOW.date() + timedelta(days=10)
    check_read(told, last, today=last)
    with pytest.raises(NotNow, match=last.isoformat()):
        check_read(told, last, today=last - timedelta(days=1))
    check_read(None, None, today=told)


def test_a_step_left_out_needs_a_reason(end):
    with pytest.raises(BadInput):
        project_end.tell_results(end=end, words={"nb": " "}, reason=" ", **BY)
    assert not EndStep.objects.exists()


def test_no_04_the_last_release_is_a_cleared_one(town, end):
    upto(end, Step.RELEASE)
    scene.crowd(town.study)
    asked = scene.release(town.study)
    with pytest.raises(BadInput, match="approved"):
        project_end.name_release(end=end, release=asked, **BY)
    releases.approve(by=cast.RAVN, release=asked, reason="Checked.", now=NOW)
    asked.refresh_from_db()
    project_end.name_release(end=end, release=asked, **BY)
    assert EndStep.objects.get(step="release").counts["sha256"] == asked.sha256


# --- the archive


@pytest.fixture
def agreed(town):
    """Two of those who answered agree to archiving; one of them takes it back."""
    form = {
        "version": "a1",
        "questions": {"archive": {"grants": ["archive"], **dict.fromkeys(WORDS, "May we?")}},
    }
    ledger.import_form(study_key=town.study.key, document=form, day=NOW.date())
    texts = ConsentText.objects.filter(form__version="a1", language="nb")
    chosen = town.members[:3]
    said: dict[str, Any] = {
        "purpose": "archive", "action": "given", "form_version": "a1", "text_sha256": texts[0].sha256,
        "language": "nb", "channel": "portal", "day": NOW.date(),
    }  # fmt: skip
    ledger.record([ledger.NewEntry(study_key=town.study.key, subject=one.code, **said) for one in chosen])
    ledger.withdraw(
        study_key=town.study.key, subject=chosen[2].code, purposes=["archive"], channel="portal",
        day=NOW.date(),
    )  # fmt: skip
    return chosen[:2]


def opened(sealed):
    key, certificate = pair()
    packed = pkcs7.pkcs7_decrypt_der(sealed, x509.load_pem_x509_certificate(certificate), key, [])
    return zipfile.ZipFile(io.BytesIO(packed))


def test_no_04_the_archive_holds_those_who_agreed_under_new_numbers(town, end, agreed):
    upto(end, Step.ARCHIVE)
    sealed = project_end.make_archive(end=end, certificate=pair()[1], where="Sikt", **BY)
    packed = opened(sealed)
    tables = {
        name: list(csv.DictReader(io.StringIO(packed.read(name).decode())))
        for name in packed.namelist()
        if name.endswith("csv")
    }
    assert {name: len(rows) for name, rows in tables.items()} == {"wave_0.csv": 2, "wave_1.csv": 2}
    assert {row["person"] for row in tables["wave_0.csv"]} == {row["person"] for row in tables["wave_1.csv"]}
    everything = b"".join(packed.read(name) for name in packed.namelist())
    assert not [m for m in town.members if m.code.encode() in everything or str(m.pk).encode() in everything]
    assert not re.search(rb"@|amal", everything, re.IGNORECASE)
    assert EndStep.objects.get(step="archive").counts["persons"] == 2


def test_no_03_the_archive_and_its_record_say_that_they_are_personal_data(town, end, agreed):
    upto(end, Step.ARCHIVE)
    sealed = project_end.make_archive(end=end, certificate=pair()[1], where="Sikt", **BY)
    assert json.loads(opened(sealed).read("manifest.json"))["label"] == "pseudonymised (personal data)"
    assert EndStep.objects.get(step="archive").counts["label"] == "pseudonymised (personal data)"
    assert archive.LABEL in str(CARDS[Step.ARCHIVE].sentence)


def test_no_04_an_archive_that_did_not_arrive_is_made_again_until_the_key_is_destroyed(town, end, agreed):
    upto(end, Step.ARCHIVE)
    first = project_end.make_archive(end=end, certificate=pair()[1], where="Sikt", **BY)
    project_end.make_archive_again(end=end, **BY)
    second = project_end.make_archive(end=end, certificate=pair()[1], where="Sikt", **BY)
    numbers = [re.findall(rb"\n([0-9a-f]{12}),", opened(one).read("wave_0.csv")) for one in (first, second)]
    assert not set(numbers[0]) & set(numbers[1])
    project_end.tick_outside(end=end, **BY)
    carried_out(end, Step.LINK_KEY)
    with pytest.raises(NotNow):
        project_end.make_archive_again(end=end, **BY)


def test_a_file_that_is_no_certificate_is_refused_and_the_step_stays_open(town, end):
    upto(end, Step.ARCHIVE)
    with pytest.raises(BadInput, match="certificate"):
        project_end.make_archive(end=end, certificate=b"hello", where="Sikt", **BY)
    assert not EndStep.objects.filter(step="archive").exists()


# --- crashes


def test_no_04_a_crash_after_the_cards_went_is_taken_up_again_with_the_first_counts(town, end, monkeypatch):
    ordered(upto(end, Step.LINK_KEY), Step.LINK_KEY)
    with monkeypatch.context() as broken:
        broken.setattr(clearing.keyring, "rotate", lambda **_given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            project_end.carry_out_ordered(now=NOW)
    row = EndStep.objects.get(step="link_key")
    assert (row.done_at, row.counts) == (None, {"members": 8, "cards": 8})
    with pytest.raises(NotNow, match="ordered already"):
        ordered(end, Step.LINK_KEY)
    assert project_end.carry_out_ordered(now=LATER) == 1
    row.refresh_from_db()
    assert (row.done_at, row.counts["cards"], row.by) == (LATER, 8, "liv")
    assert project_end.carry_out_ordered(now=LATER) == 0


def test_no_04_a_trace_that_is_left_undoes_the_deletion_and_the_log_names_the_table(town, end, caplog):
    upto(end, Step.ROWS)
    Study.objects.filter(pk=town.study.pk).update(how_to_check=f"Ask {town.members[0].code}")
    ordered(end, Step.ROWS)
    assert project_end.carry_out_ordered(now=NOW) == 0
    assert "members.Study.how_to_check" in caplog.text
    assert town.members[0].code not in caplog.text
    assert town.study.members.count() == 8
    Study.objects.filter(pk=town.study.pk).update(how_to_check="")
    assert project_end.carry_out_ordered(now=NOW) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda end: project_end.tell_results(end=end, words=WORDS, **BY),
        lambda end: project_end.tell_results(end=end, words={}, reason="none", **BY),
    ],
)
def test_the_step_and_its_audit_row_are_one(end, monkeypatch, act):
    def fail(**_given):
        raise DatabaseError

    monkeypatch.setattr(project_end.audit, "record", fail)
    with pytest.raises(DatabaseError):
        act(end)
    assert not EndStep.objects.exists()


def test_every_step_has_its_card_and_its_place_in_the_table():
    assert set(CARDS) == set(TRANSITIONS) == set(Step)
    assert [step for step in Step if CARDS[step].for_good] == [Step.LINK_KEY, Step.ROWS]


def test_no_04_each_step_is_in_the_audit_trail(town):
    project_end.certify(
        end=upto(project_end.begin(study=town.study, typed=NAME, **BY), Step.CERTIFICATE), **BY
    )
    told = AuditEvent.objects.filter(verb="end.step_done").order_by("id").values_list("subject", flat=True)
    assert list(told) == [step.value for step in ORDER]
