"""Forms come in as drafts, are approved by whom it behoves, and nothing is half done."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.instruments import selectors, services
from panel.instruments.models import Instrument, InstrumentVersion
from panel.members import services as members
from panel.members.models import StaffRole
from tests.instruments.forms import END, EXITNORWAY, item, page, xlsx

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 9, 1, 12, tzinfo=UTC)
SYSTEM = Actor.system("test")
SMALL = xlsx([page(), item(), END])


@pytest.fixture
def study():
    return members.create_study(
        by=SYSTEM,
        now=NOW,
        slug="exitnorway",
        name="EXITNORWAY",
        institution="Example University",
        public_name="A study of everyday life",
        contact_email="study@example.org",
        default_language="uk",
        languages=["uk", "ru", "en", "nb"],
    )


def staff(study, name, role):
    user = get_user_model().objects.create_user(name)
    members.assign_role(by=SYSTEM, user=user, study=study, role=role, now=NOW)
    return Actor.staff(name)


def taken_in(study, source=SMALL, by=SYSTEM, slug="main"):
    return services.import_instrument(by=by, study=study, slug=slug, title="Main", source=source, now=NOW)


def test_a_form_comes_in_as_a_draft_with_its_hash_and_audit_row(study):
    version = taken_in(study, EXITNORWAY.read_bytes())
    assert (version.number, version.status, version.languages) == (1, "draft", ["en", "nb", "ru", "uk"])
    event = AuditEvent.objects.get(verb="instrument.imported")
    assert (event.study, event.subject) == ("exitnorway", "main/1")
    assert event.detail == {"sha256": version.sha256}


def test_the_stored_form_is_the_one_that_came_in(study, exitnorway):
    version = taken_in(study, EXITNORWAY.read_bytes())
    assert selectors.questionnaire(version) == exitnorway
    assert bytes(InstrumentVersion.objects.get(pk=version.pk).source) == EXITNORWAY.read_bytes()


def test_the_same_bytes_are_taken_in_once(study):
    first = taken_in(study)
    assert taken_in(study) == first
    assert InstrumentVersion.objects.count() == 1
    assert AuditEvent.objects.filter(verb="instrument.imported").count() == 1


def test_another_wording_is_the_next_version(study):
    taken_in(study)
    assert taken_in(study, xlsx([page(), item(name="years"), END])).number == 2
    assert taken_in(study, slug="other").number == 1
    assert Instrument.objects.count() == 2


def test_a_refused_form_leaves_nothing(study):
    with pytest.raises(BadInput, match="gj_class"):
        taken_in(study, xlsx([page(), item(klass=None), END]))
    with pytest.raises(BadInput, match="slug"):
        taken_in(study, slug="not a slug")
    assert not Instrument.objects.exists()


def broken(monkeypatch):
    def fail(**_):
        raise RuntimeError("the last write broke")

    monkeypatch.setattr("panel.audit.services.record", fail)
    return pytest.raises(RuntimeError, match="last write")


def test_nothing_is_kept_if_the_last_write_of_an_import_breaks(study, monkeypatch):
    with broken(monkeypatch):
        taken_in(study)
    assert not Instrument.objects.exists()
    assert not InstrumentVersion.objects.exists()


def test_nothing_is_kept_if_the_last_write_of_an_approval_breaks(study, monkeypatch):
    version = taken_in(study, EXITNORWAY.read_bytes())
    with broken(monkeypatch):
        services.approve_version(by=SYSTEM, version=version, now=NOW)
    version.refresh_from_db()
    assert version.status == "draft"


def test_nothing_is_kept_if_the_last_write_of_a_retirement_breaks(study, monkeypatch):
    version = taken_in(study, EXITNORWAY.read_bytes())
    version = services.approve_version(by=SYSTEM, version=version, now=NOW)
    with broken(monkeypatch):
        services.retire_version(by=SYSTEM, version=version, now=NOW)
    version.refresh_from_db()
    assert version.status == "approved"


def test_zon_04_the_coordinator_takes_in_and_the_leader_approves(study):
    signe = staff(study, "signe", StaffRole.Role.COORDINATOR)
    liv = staff(study, "liv", StaffRole.Role.LEADER)
    version = taken_in(study, EXITNORWAY.read_bytes(), by=signe)
    with pytest.raises(NotAllowed):
        services.approve_version(by=signe, version=version, now=NOW)
    version = services.approve_version(by=liv, version=version, now=NOW)
    assert (version.status, version.approved_by, version.approved_on) == ("approved", "liv", NOW.date())


def test_days_are_norwegian_days(study):
    """Half past midnight in Oslo is still yesterday in UTC."""
    night = datetime(2023, 9, 30, 22, 30, tzinfo=UTC)
    version = services.import_instrument(
        by=SYSTEM, study=study, slug="w", title="W", source=EXITNORWAY.read_bytes(), now=night
    )
    version = services.approve_version(by=SYSTEM, version=version, now=night)
    assert version.created_on == version.approved_on == date(2023, 10, 1)


@pytest.mark.parametrize("role", ["keeper", "researcher", "reviewer", "dpo", "interviewer"])
def test_zon_04_nobody_else_takes_in_or_approves(study, role):
    by = staff(study, "tor", role)
    with pytest.raises(NotAllowed):
        taken_in(study, by=by)
    version = taken_in(study, EXITNORWAY.read_bytes())
    with pytest.raises(NotAllowed):
        services.approve_version(by=by, version=version, now=NOW)
    with pytest.raises(NotAllowed):
        services.retire_version(by=by, version=version, now=NOW)


def test_a_form_must_speak_the_studys_languages_before_it_is_used(study):
    with pytest.raises(NotNow, match="uk, ru"):
        services.approve_version(by=SYSTEM, version=taken_in(study), now=NOW)


def test_versions_move_along_their_table(study):
    version = taken_in(study, EXITNORWAY.read_bytes())
    with pytest.raises(NotNow, match="draft"):
        services.retire_version(by=SYSTEM, version=version, now=NOW)
    services.approve_version(by=SYSTEM, version=version, now=NOW)
    with pytest.raises(NotNow, match="approved"):
        services.approve_version(by=SYSTEM, version=version, now=NOW)
    services.retire_version(by=SYSTEM, version=version, now=NOW)
    with pytest.raises(NotNow, match="retired"):
        services.approve_version(by=SYSTEM, version=version, now=NOW)


def test_the_database_too_refuses_approval_without_a_day(study):
    version = taken_in(study)
    version.status = InstrumentVersion.Status.APPROVED
    with pytest.raises(ValidationError):
        version.validate_constraints()
    with pytest.raises(IntegrityError), transaction.atomic():
        version.save()


def test_the_newest_approved_version_is_the_one_to_use(study):
    with pytest.raises(NotFound):
        selectors.approved(study, "main")
    first = taken_in(study, EXITNORWAY.read_bytes())
    services.approve_version(by=SYSTEM, version=first, now=NOW)
    taken_in(study)
    assert selectors.approved(study, "main") == first


def test_a_form_is_read_once_in_a_process(study, django_assert_num_queries):
    version = taken_in(study)
    with django_assert_num_queries(1):
        first = selectors.questionnaire(version)
    with django_assert_num_queries(0):
        assert selectors.questionnaire(version) is first


def test_rows_leave_the_form_in_the_database(study):
    taken_in(study)
    assert InstrumentVersion.objects.get().get_deferred_fields() == {"source", "compiled"}
