"""LAW-06: what is due is carried out: card and key first, then all of `default`, a proof by code stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError
from django.db.models import ForeignKey, Model

from consent.models import ConsentEntry
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment.models import RecruitmentRecord
from panel.errors import Damaged, NotNow
from panel.invitations import services as outbox
from panel.invitations.models import Link
from panel.keys.models import DataKey
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency.services import take_evidence
from panel.responses.models import Response
from panel.rights import erasure, tasks
from panel.rights.erasure import erase_due
from panel.rights.models import Stop
from panel.rights.rules import WAIT, Channel, State
from panel.rights.services import ask_stop, undo_stop
from panel.vault import services as vault
from panel.vault.models import Card
from panel.waves import outcomes
from panel.waves.models import Wave
from tests.factories.answering import NOW, SYSTEM

pytestmark = pytest.mark.django_db
DUE = NOW + WAIT


@pytest.fixture
def invited(field):
    outbox.queue_due(now=NOW)


@pytest.fixture
def full(invited, answered):
    """Every table that can hold something of a member holds something of both."""
    for member in (answered.amal, answered.other):
        RecruitmentRecord.objects.create(
            study=answered.study, member=member, cohort="2022", language="uk", answers={"sex": "f"},
            fingerprint=member.code.encode(),
        )  # fmt: skip
        take_evidence(response=Response.objects.get(case__member=member), now=NOW)
        members.hold(by=SYSTEM, member=member, kind="restriction", reason="asked", now=NOW)
        answered.token(Link.Use.STOP, member)
    return answered


def leave(field, rung="leave_delete", **changes):
    return ask_stop(
        by=Actor.member(field.amal.code), member=field.amal, rung=rung, channel=Channel.STOP_PAGE,
        typed_word="SLETT", now=NOW, **changes,
    )  # fmt: skip


def rows_of(member: PanelMember) -> set[Model]:
    """The member's row and every row of any table that points at it, or at such a row, however far."""
    found: set[Model] = {member}
    ring: set[Model] = {member}
    links: list[Any] = [
        field for model in apps.get_models() for field in model._meta.get_fields() if zoned(field)
    ]
    while ring:
        ring = {
            row
            for field in links
            for row in field.model._default_manager.filter(
                **{f"{field.name}__in": [row.pk for row in ring if isinstance(row, field.related_model)]}
            )
        } - found
        found |= ring
    return found


def zoned(field: object) -> bool:
    """Whether this is a link between tables of ours in `default`."""
    return isinstance(field, ForeignKey) and field.model._meta.app_label not in {"vault", "keys"}


def tables(rows):
    return {type(row)._meta.label for row in rows}


def test_nothing_is_carried_out_before_it_is_due(full):
    leave(full)
    assert erase_due(now=DUE - timedelta(seconds=1)) == 0
    assert PanelMember.objects.filter(pk=full.amal.pk).exists()
    assert vault.open_cards([full.amal.code], by=SYSTEM, reason="test", now=NOW, study="everyday")


def test_law_06_a_deletion_removes_everything_of_the_member_and_of_nobody_else(full):
    before, others = tables(rows_of(full.amal)), rows_of(full.other)
    # What the test stands on: the member is in all these tables.
    assert before >= {
        "members.PanelMember", "members.Hold", "waves.Case", "waves.CaseEvent", "responses.Response",
        "residency.Evidence", "residency.Spell", "residency.Flag", "enrolment.RecruitmentRecord",
        "invitations.Link", "invitations.Outgoing",
    }  # fmt: skip
    stop = leave(full)
    cases = list(full.amal.cases.values_list("pk", flat=True))
    assert erase_due(now=DUE) == 1
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, ForeignKey) and field.related_model is PanelMember:
                assert not model._default_manager.filter(**{field.name: full.amal.pk}).exists(), field
            if isinstance(field, ForeignKey) and field.related_model._meta.label == "waves.Case":
                assert not model._default_manager.filter(**{f"{field.name}__in": cases}).exists(), field
    assert rows_of(full.other) >= others
    assert RecruitmentRecord.objects.count() == 1
    stop.refresh_from_db()
    assert (stop.state, stop.member, stop.code, stop.ended_at) == (State.DONE, None, full.amal.code, DUE)


def test_the_proof_stays_by_code_in_ledger_and_audit(full):
    leave(full)
    erase_due(now=DUE)
    assert ConsentEntry.objects.filter(subject=full.amal.code, action="withdrawn").exists()
    verbs = AuditEvent.objects.filter(subject=full.amal.code).values_list("verb", flat=True)
    assert {"stop.asked", "stop.carried_out"} <= set(verbs)


def test_card_and_data_key_are_gone_and_the_others_open(full):
    leave(full)
    erase_due(now=DUE)
    assert (Card.objects.count(), DataKey.objects.count()) == (1, 1)
    codes = [full.amal.code, full.other.code]
    assert set(vault.open_cards(codes, by=SYSTEM, reason="test", now=DUE, study="everyday")) == {
        full.other.code
    }


def test_rates_stay_true_by_the_counts_of_erased_cases(full):
    before = outcomes.rates(full.wave)
    leave(full)
    erase_due(now=DUE)
    wave = Wave.objects.get(pk=full.wave.pk)
    assert wave.erased == {"1.1": 1}
    assert outcomes.rates(wave) == before


def test_a_crash_between_vault_and_default_is_finished_by_the_next_run(full, monkeypatch):
    """The last write breaks: nothing of `default` is gone, the request stands."""
    stop = leave(full)
    before = rows_of(full.amal)

    def broken(**_given):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("panel.rights.erasure.audit.record", broken)
        with pytest.raises(RuntimeError):
            erase_due(now=DUE)
    assert rows_of(full.amal) == before
    assert Card.objects.count() == 1
    stop.refresh_from_db()
    assert stop.state == State.IN_FORCE
    with pytest.raises(NotNow):
        undo_stop(by=Actor.member(full.amal.code), stop=stop, now=DUE)
    assert erase_due(now=DUE) == 1
    assert not PanelMember.objects.filter(pk=full.amal.pk).exists()


@pytest.mark.parametrize("error", [Damaged("amal@example.org"), DatabaseError("amal@example.org")])
def test_law_06_an_erasure_that_fails_keeps_no_other_waiting_and_is_logged_by_code(
    full, monkeypatch, caplog, error
):
    stop = leave(full)
    ask_stop(
        by=Actor.member(full.other.code), member=full.other, rung="leave_delete", channel=Channel.STOP_PAGE,
        typed_word="SLETT", now=NOW + timedelta(seconds=1),
    )  # fmt: skip
    later, destroy = DUE + timedelta(seconds=1), vault.destroy_cards

    def broken(codes):
        if full.amal.code in codes:
            raise error
        return destroy(codes)

    monkeypatch.setattr(erasure, "LIMIT", 1)
    with monkeypatch.context() as patch:
        patch.setattr(vault, "destroy_cards", broken)
        assert erase_due(now=later) == 1
    assert list(PanelMember.objects.all()) == [full.amal]
    stop.refresh_from_db()
    assert stop.state == State.IN_FORCE
    (told,) = caplog.records
    assert (told.levelname, full.amal.code in told.getMessage()) == ("ERROR", True)
    assert "example.org" not in caplog.text
    assert erase_due(now=later) == 1
    assert not PanelMember.objects.exists()


def test_who_left_and_kept_the_answers_loses_the_card_only(full):
    stop = leave(full, "leave_keep")
    assert erase_due(now=DUE) == 1
    stop.refresh_from_db()
    assert (stop.state, stop.member) == (State.DONE, full.amal)
    assert (Card.objects.count(), Response.objects.count()) == (1, 2)
    full.amal.refresh_from_db()
    assert full.amal.status == "left"
    with pytest.raises(NotNow):
        undo_stop(by=Actor.member(full.amal.code), stop=stop, now=DUE)


def test_who_left_can_have_the_rest_deleted_later(full):
    leave(full, "leave_keep")
    erase_due(now=DUE)
    leave(full, "leave_delete", waive=True)
    assert erase_due(now=DUE) == 1
    assert not PanelMember.objects.filter(pk=full.amal.pk).exists()
    assert set(Stop.objects.values_list("state", flat=True)) == {"done"}


def test_a_waived_wait_is_carried_out_at_the_next_run(full):
    leave(full, waive=True)
    assert erase_due(now=NOW) == 1


def test_an_undone_deletion_is_not_carried_out(full):
    stop = leave(full)
    undo_stop(by=Actor.member(full.amal.code), stop=stop, now=NOW)
    assert erase_due(now=DUE) == 0
    assert Card.objects.count() == 2


def test_an_undo_at_the_last_moment_keeps_the_card(full, monkeypatch):
    """It came in before it was due and was slow: the erasure has read its list already."""
    stop, carry_out = leave(full), erasure.carry_out

    def undone_first(pk, now):
        undo_stop(by=Actor.member(full.amal.code), stop=stop, now=DUE - timedelta(seconds=1))
        return carry_out(pk, now)

    monkeypatch.setattr(erasure, "carry_out", undone_first)
    assert erase_due(now=DUE) == 0
    assert vault.open_cards([full.amal.code], by=SYSTEM, reason="test", now=DUE, study="everyday")


def test_other_stops_of_the_member_end_with_them(full):
    leave_pause = ask_stop(
        by=Actor.member(full.amal.code), member=full.amal, rung="no_mail", channel="stop page", now=NOW
    )
    leave(full)
    erase_due(now=DUE)
    leave_pause.refresh_from_db()
    assert (leave_pause.state, leave_pause.member) == (State.DONE, None)


def test_the_task_is_a_shell(full, monkeypatch):
    leave(full)
    monkeypatch.setattr("panel.clock.now", lambda: DUE)
    tasks.erase_due()
    assert not PanelMember.objects.filter(pk=full.amal.pk).exists()
    assert erase_due(now=DUE) == 0
