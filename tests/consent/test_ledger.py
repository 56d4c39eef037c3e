"""Forms with exact words, the ledger, what holds today (LAW-02, LAW-03)."""

import hashlib
import json
import uuid
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from consent import forms, selectors, services
from consent.errors import ConsentError
from consent.models import ConsentEntry, ConsentForm, ConsentText, Purpose
from consent.rules import LANGUAGES
from consent.services import NewEntry
from tests import triggers
from tests.consent.documents import whole_document

pytestmark = pytest.mark.django_db
DAY = date(2022, 6, 1)
DOCUMENT = json.loads(
    (Path(__file__).parents[2] / "panel" / "demo" / "data" / "consent_2022-06-01.json").read_text()
)
DRAFTABLE = deepcopy(DOCUMENT)
DRAFTABLE["questions"]["recontact"]["grants"] = ["waves"]
KEY = uuid.UUID(int=1)


@pytest.fixture
def form() -> ConsentForm:
    return services.import_form(study_key=KEY, document=DOCUMENT, day=DAY)


def entry(subject: str = "AMAL", purpose: str = "waves", question: str = "recontact", **changes) -> NewEntry:
    text = ConsentText.objects.get(form__study_key=KEY, question=question, language="uk")
    values = {
        "study_key": KEY,
        "subject": subject,
        "purpose": purpose,
        "action": "imported",
        "form_version": DOCUMENT["version"],
        "text_sha256": text.sha256,
        "language": "uk",
        "channel": "recruitment file",
        "day": DAY,
    }
    return NewEntry(**{**values, **changes})


def holding(purpose: str = "waves", subjects=None) -> set[str]:
    return selectors.holding(study_key=KEY, subjects=subjects, purpose=purpose)


def withdraw(subject: str, *purposes: str) -> None:
    services.withdraw(study_key=KEY, subject=subject, purposes=purposes, channel="letter", day=DAY)


# --- forms


def test_a_form_is_imported_with_its_exact_words_in_every_language(form):
    assert (form.status, form.approved_on) == (ConsentForm.Status.APPROVED, DAY)
    assert form.texts.count() == len(DOCUMENT["questions"]) * 4
    for text in form.texts.all():
        assert text.body == DOCUMENT["questions"][text.question][text.language]
        assert text.sha256 == hashlib.sha256(text.body.encode()).hexdigest()
        assert text.grants == DOCUMENT["questions"][text.question]["grants"]


def test_the_same_form_again_changes_nothing(form):
    again = services.import_form(study_key=KEY, document=DOCUMENT, day=date(2023, 1, 1))
    assert (again.pk, again.approved_on) == (form.pk, DAY)
    assert ConsentText.objects.count() == len(DOCUMENT["questions"]) * 4


def test_other_words_under_a_known_version_are_refused(form):
    other = deepcopy(DOCUMENT)
    other["questions"]["recontact"]["nb"] += " "
    with pytest.raises(ConsentError, match="other words"):
        services.import_form(study_key=KEY, document=other, day=DAY)
    services.import_form(study_key=KEY, document={**other, "version": "2022-07-01"}, day=DAY)


def broken(change) -> dict[str, Any]:
    document: dict[str, Any] = deepcopy(DOCUMENT)
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("version"),
        lambda d: d.pop("questions"),
        lambda d: d["questions"].clear(),
        lambda d: d["questions"].update(recontact="yes"),
        lambda d: d["questions"]["recontact"].pop("ru"),
        lambda d: d["questions"]["recontact"].update(nb="  "),
        lambda d: d["questions"]["recontact"].update(grants=[]),
        lambda d: d["questions"]["recontact"].update(grants=["everything"]),
    ],
)
def test_a_form_that_is_not_whole_is_refused_and_nothing_kept(change):
    with pytest.raises(ConsentError):
        services.import_form(study_key=KEY, document=broken(change), day=DAY)
    assert not ConsentForm.objects.exists()


def test_an_import_that_breaks_at_its_last_write_keeps_nothing(monkeypatch):
    def broken(_form: ConsentForm, _day: date, **_given: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ConsentForm, "approve", broken)
    with pytest.raises(RuntimeError, match="broken"):
        services.import_form(study_key=KEY, document=DOCUMENT, day=DAY)
    assert not ConsentForm.objects.exists()
    assert not ConsentText.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda form: form.save(),
        lambda form: form.delete(),
        lambda form: form.texts.first().save(),
        lambda form: form.texts.first().delete(),
        lambda form: form.texts.update(body="other"),
        lambda form: form.texts.all().delete(),
        lambda form: form.texts.create(question="more", grants=["waves"], language="nb", body="", sha256=""),
        lambda form: ConsentText.objects.bulk_create([ConsentText(form=form, grants=[])]),
    ],
    ids=["save form", "delete form", "save text", "delete text", "update", "delete set", "add", "add set"],
)
def test_an_approved_form_can_not_be_changed(form, change):
    with pytest.raises(ConsentError, match="can't be changed"):
        change(form)
    assert form.texts.count() == len(DOCUMENT["questions"]) * 4


# --- the ledger


def test_law_02_the_signed_text_of_an_entry_can_be_shown_again_and_its_hash_fits(form):
    services.record([entry()])
    (kept,) = selectors.history(study_key=KEY, subject="AMAL")
    text = selectors.text_of_entry(kept)
    assert text.body == DOCUMENT["questions"]["recontact"]["uk"]
    assert kept.text_sha256 == hashlib.sha256(text.body.encode()).hexdigest()
    assert text == selectors.text_of(study_key=KEY, version=form.version, question="recontact", language="uk")


def test_law_02_an_entry_holds_no_trace_of_a_machine():
    fields = {field.name for field in ConsentEntry._meta.get_fields()}
    assert fields == {
        "id", "study_key", "subject", "purpose", "action", "form_version", "text_sha256", "language",
        "channel", "day",
    }  # fmt: skip


def test_law_02_a_text_changed_behind_the_services_back_is_not_shown_as_signed(form):
    """By somebody who took the triggers away first."""
    connection.check_constraints()  # PostgreSQL alters no table with checks still to come
    with triggers.lifted([connection]), connection.cursor() as cursor:
        cursor.execute("UPDATE consent_consenttext SET body = 'other words'")
        connection.check_constraints()
    with pytest.raises(ConsentError, match="hash"):
        selectors.text_of(study_key=KEY, version=form.version, question="recontact", language="uk")


def test_an_unknown_text_is_refused(form):
    with pytest.raises(ConsentError, match="no such"):
        selectors.text_of(study_key=KEY, version=form.version, question="recontact", language="de")


@pytest.mark.parametrize(
    "changes",
    [
        {"text_sha256": "0" * 64},
        {"language": "nb"},
        {"form_version": "2021"},
        {"study_key": uuid.UUID(int=2)},
        {"purpose": "interview"},
        {"purpose": "everything"},
        {"action": "guessed"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_law_02_a_yes_must_point_to_approved_words_that_grant_it(form, changes):
    with pytest.raises(ConsentError):
        services.record([entry(), entry(**changes)])
    assert not ConsentEntry.objects.exists()


def test_law_02_words_of_a_draft_are_no_ground_for_a_yes():
    forms.draft_form(study_key=KEY, document=DRAFTABLE, writer="signe")
    with pytest.raises(ConsentError):
        services.record([entry()])
    assert not ConsentEntry.objects.exists()


def test_law_03_purposes_are_separate(form):
    services.record([entry("AMAL"), entry("AMAL", "keep_in_touch"), entry("OLHA", "interview", "interview")])
    assert (holding("waves"), holding("keep_in_touch"), holding("interview")) == (
        {"AMAL"},
        {"AMAL"},
        {"OLHA"},
    )
    withdraw("AMAL", "waves")
    assert (holding("waves"), holding("keep_in_touch")) == (set(), {"AMAL"})


def test_law_03_the_latest_entry_decides(form):
    services.record([entry("AMAL"), entry("OLHA")])
    withdraw("AMAL", *Purpose.values)
    assert holding() == {"OLHA"}
    services.record([entry("AMAL", action="given", channel="portal")])
    assert holding() == {"AMAL", "OLHA"}
    actions = [
        kept.action for kept in selectors.history(study_key=KEY, subject="AMAL") if kept.purpose == "waves"
    ]
    assert actions == ["imported", "withdrawn", "given"]


def test_law_11_who_was_informed_holds_until_they_object_and_nothing_else_counts_as_informed():
    form = forms.draft_form(study_key=KEY, document=whole_document(), writer="signe")
    with pytest.raises(ConsentError, match="no approved text"):
        inform(form)
    forms.approve_form(form=form, languages=LANGUAGES, approver="liv", day=DAY)
    inform(form)
    assert holding() == {"AMAL", "OLHA"}
    services.object_to(study_key=KEY, subject="AMAL", purposes=["waves"], channel="letter", day=DAY)
    assert holding() == {"OLHA"}
    (told, objected) = selectors.history(study_key=KEY, subject="AMAL")
    assert (told.action, objected.action) == ("informed", "objected")
    assert told.text_sha256 == selectors.letter_hash(selectors.letter(form, "uk"))
    for wrong in ({"language": "nb"}, {"text_sha256": "0" * 64}, {"text_sha256": ""}):
        line = {"action": "informed", "text_sha256": told.text_sha256, "form_version": form.version, **wrong}
        with pytest.raises(ConsentError, match="no approved text"):
            services.record([entry(question="waves", **line)])


def inform(form: ConsentForm) -> None:
    services.inform(
        form=form, languages={"AMAL": "uk", "OLHA": "ru"}, purposes=["waves"], channel="letter", day=DAY
    )


def test_law_02_a_no_may_say_to_which_words_it_was_said_and_those_must_be_there(form):
    services.record([entry(action="withdrawn")])
    (kept,) = selectors.history(study_key=KEY, subject="AMAL")
    assert selectors.text_of_entry(kept).question == "recontact"
    with pytest.raises(ConsentError, match="no approved text"):
        services.record([entry(action="withdrawn", text_sha256="0" * 64)])


def test_a_withdrawal_needs_no_earlier_yes(form):
    withdraw("IVAN", "waves")
    assert holding() == set()
    assert selectors.history(study_key=KEY, subject="IVAN").count() == 1


def test_holding_of_some_and_of_another_study(form):
    services.record([entry(subject) for subject in ("AMAL", "OLHA", "IVAN")])
    assert holding(subjects=["AMAL", "NOBODY"]) == {"AMAL"}
    assert holding(subjects=[]) == set()
    assert selectors.holding(study_key=uuid.UUID(int=2), subjects=None, purpose="waves") == set()


def test_holding_is_one_query_for_few_and_for_many(form, django_assert_num_queries):
    services.record([entry(f"S{i}") for i in range(1500)])
    withdraw("S7", "waves")
    many = [f"S{i}" for i in range(1200)]
    with django_assert_num_queries(1):
        assert len(holding()) == 1499
    with django_assert_num_queries(1):
        assert len(holding(subjects=many)) == 1199
    with django_assert_num_queries(1):
        assert len(holding(subjects=many[:100])) == 99


def test_a_record_that_breaks_at_its_last_write_keeps_nothing(form, monkeypatch):
    whole = ConsentEntry.objects.bulk_create

    def broken(entries, batch_size: int):
        whole(list(entries)[:1], batch_size=batch_size)
        raise RuntimeError("broken")

    monkeypatch.setattr(ConsentEntry.objects, "bulk_create", broken)
    with pytest.raises(RuntimeError, match="broken"):
        services.record([entry("AMAL"), entry("OLHA")])
    assert not ConsentEntry.objects.exists()


def test_law_02_the_database_refuses_to_change_or_delete_an_entry(form):
    services.record([entry()])
    for act in (lambda: ConsentEntry.objects.update(day=DAY), lambda: ConsentEntry.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert holding() == {"AMAL"}


def test_law_02_the_database_refuses_truncate(form):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE; its DELETE is refused")
    with connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute("TRUNCATE consent_consententry")
        transaction.set_rollback(True)
