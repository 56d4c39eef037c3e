"""Requests on rights: their states, deadlines and history; who acts, who advises; and nothing half done."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations.models import Outgoing
from panel.members import services as members
from panel.members.models import LegalBasis, PanelMember, StaffRole
from panel.members.rules import ROLES, Role, Verb
from panel.rights import acts, erasure, requests, rules, selectors, services
from panel.rights import request_rules as life
from panel.rights.models import Message, Request, RequestNote, Stop
from tests.factories import cast

NOW = cast.NOW
TODAY = NOW.date()
DAY = timedelta(days=1)
Kind, State = Request.Kind, Request.State


@pytest.fixture
def amal(db):
    return cast.amal(cast.study())


def receive(amal, **changes):
    asked = {
        "by": cast.VERA,
        "member": amal,
        "kind": "access",
        "channel": "mail",
        "now": NOW,
        "asked": "All.",
    }
    return requests.receive(**{**asked, **changes})


def answered(request, now=NOW, **changes):
    given_ = {"by": cast.LIV, "text": "Ось відповідь.", "done": "A copy was made.", **changes}
    requests.answer(request=request, now=now, **given_)


def history(request):
    return list(request.notes.order_by("number").values_list("kind", flat=True))


# --- the rules


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_the_deadline_is_thirty_days_by_the_calendar_and_ninety_when_extended(day):
    assert life.due_on(day) == day + timedelta(days=30)
    assert life.extended_due_on(day) == day + timedelta(days=90)


@given(st.sampled_from(State), st.integers(-400, 400))
def test_what_is_unanswered_is_later_soon_or_overdue_by_its_day(state, days):
    due = date(2022, 10, 1)
    found = life.urgency(state, due, today=due + timedelta(days=days))
    if state not in life.UNANSWERED:
        assert found == life.Urgency.DONE
    else:
        wanted = "overdue" if days > 0 else "soon" if days > -7 else "later"
        assert found == wanted


def test_every_state_leads_to_closed_and_closed_nowhere():
    def reach(state):
        return {state}.union(*(reach(following) for following in life.TRANSITIONS[state]))

    assert all(State.CLOSED in reach(state) for state in State)
    assert not life.TRANSITIONS[State.CLOSED]


def test_law_11_the_basis_decides_on_portability_and_objection():
    consent, interest = LegalBasis.CONSENT, LegalBasis.PUBLIC_INTEREST
    assert life.Act.COPY in life.acts(Kind.PORTABILITY, consent)
    assert life.acts(Kind.PORTABILITY, interest) == ()
    assert life.Act.OBJECT in life.acts(Kind.OBJECTION, interest)
    assert life.Act.OBJECT not in life.acts(Kind.OBJECTION, consent)
    assert life.Act.STOP in life.acts(Kind.OBJECTION, consent)
    assert "withdrawing is the way" in str(life.help_for(Kind.OBJECTION, consent))
    assert "portability doesn’t apply" in str(life.help_for(Kind.PORTABILITY, interest))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("basis", LegalBasis)
def test_every_kind_of_request_says_what_to_do(kind, basis):
    assert str(life.help_for(kind, basis))
    assert set(life.acts(kind, basis)) <= set(life.Act)


# --- receiving


def test_a_request_told_to_staff_has_its_deadline_receipt_and_history(amal):
    request = receive(amal, received_on=TODAY - 3 * DAY)
    assert (request.state, request.due_on) == ("open", TODAY + 27 * DAY)
    assert Outgoing.objects.get(member=amal, kind="receipt").occasion == request.pk
    note = request.notes.get()
    assert (note.kind, note.by, note.words) == ("received", "vera", "All.")
    event = AuditEvent.objects.get(verb="request.received")
    assert (event.subject, event.detail["kind"]) == (amal.code, "access")
    assert "All." not in str(event.detail)


@pytest.mark.parametrize("who", [cast.LIV, cast.SIGNE, cast.VERA])
def test_leader_coordinator_and_keeper_record(amal, who):
    assert receive(amal, by=who)


@pytest.mark.parametrize("who", [cast.DAG, cast.INES, cast.RAVN, cast.TOR])
def test_others_record_nothing(amal, who):
    with pytest.raises(NotAllowed):
        receive(amal, by=who)
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"received_on": TODAY + DAY},
        {"received_on": TODAY - 366 * DAY},
        {"kind": "money"},
        {"channel": "own_page"},
    ],
)
def test_what_cannot_have_been_received_so_is_refused(amal, wrong):
    with pytest.raises(BadInput):
        receive(amal, **wrong)


def test_an_address_in_what_was_asked_is_masked(amal):
    """ZON-01: this database knows members by code alone."""
    assert receive(amal, asked="Write to amal@example.org").notes.get().words == "Write to [address]"


def test_a_member_asks_on_their_own_page_once(amal):
    by = {"by": Actor.member(amal.code), "channel": "own_page"}
    first = receive(amal, **by)
    assert receive(amal, **by) == first
    answered(first)
    assert receive(amal, **by) != first
    with pytest.raises(NotAllowed):
        receive(amal, by=Actor.member("ZZZZZZZZZ"), channel="own_page")
    with pytest.raises(BadInput):
        receive(amal, by=Actor.member(amal.code), channel="mail")


# --- dealing with it


def test_an_answer_is_read_on_the_members_own_page_and_its_history_says_what_was_done(amal):
    request = receive(amal)
    answered(request)
    message = selectors.messages_for(amal).get()
    assert message.text(amal.language) == "Ось відповідь."
    assert Outgoing.objects.get(occasion=message.pk).kind == "answer"
    request.refresh_from_db()
    assert (request.state, request.answered_on) == ("answered", TODAY)
    assert history(request) == ["received", "answered"]
    requests.close(by=cast.LIV, request=request, reason="Nothing left to do.", now=NOW + DAY)
    assert history(request) == ["received", "answered", "closed"]
    with pytest.raises(NotNow):
        answered(request)


def test_gdpr_12_3_an_extension_is_in_time_once_and_told_with_its_reason(amal):
    request = receive(amal)
    requests.extend(by=cast.LIV, request=request, reason="Ми шукаємо в архіві.", now=NOW + 30 * DAY)
    request.refresh_from_db()
    assert (request.state, request.due_on) == ("extended", TODAY + 90 * DAY)
    assert selectors.messages_for(amal).get().text("uk") == "Ми шукаємо в архіві."
    with pytest.raises(NotNow):
        requests.extend(by=cast.LIV, request=request, reason="Ще.", now=NOW + 31 * DAY)
    late = receive(amal, kind="question")
    with pytest.raises(NotNow, match="time is over"):
        requests.extend(by=cast.LIV, request=late, reason="Ще.", now=NOW + 31 * DAY)


@pytest.mark.parametrize("empty", [{"text": " "}, {"done": " "}, {"text": "amal@example.org"}])
def test_an_answer_without_words_or_with_an_address_changes_nothing(amal, empty):
    request = receive(amal)
    with pytest.raises(BadInput):
        answered(request, **empty)
    request.refresh_from_db()
    assert request.state == "open"
    assert not Message.objects.exists()


def test_zon_04_the_dpo_reads_and_advises_and_every_acting_step_refuses_them(amal):
    request = receive(amal)
    requests.advise(by=cast.DAG, request=request, advice="Ask who else got it.", now=NOW)
    assert request.notes.get(kind="advised").words == "Ask who else got it."
    assert_acts_refused(request, cast.DAG)
    assert history(request) == ["received", "advised"]
    assert ROLES[Role.DPO].verbs & {Verb.ANSWER_REQUEST, Verb.HOLD, Verb.RECORD_STOP} == set()


def test_a_dpo_who_is_leader_too_still_only_advises(amal):
    """Their acting would be a conflict of interest (GDPR 38(6))."""
    members.assign_role(
        by=cast.SYSTEM, user=cast.user(cast.DAG), study=amal.study, role=StaffRole.Role.LEADER, now=NOW
    )
    assert_acts_refused(receive(amal), cast.DAG, match="conflict")


def assert_acts_refused(request, who, match="role|conflict"):
    erase = receive(request.member, kind="erasure")
    for act, given_ in (
        (requests.answer, {"request": request, "text": "Так.", "done": "Done."}),
        (requests.extend, {"request": request, "reason": "Так."}),
        (requests.close, {"request": request, "reason": "Done."}),
        (acts.restrict, {"request": request, "reason": "Asked."}),
        (acts.lift, {"request": request}),
        (acts.stop, {"request": erase, "rung": "leave_delete", "told_on": TODAY}),
        (members.hold, {"member": request.member, "kind": "restriction", "reason": "Asked."}),
        (services.ask_stop, {"member": request.member, "rung": "no_mail", "channel": "told staff"}),
    ):
        with pytest.raises(NotAllowed, match=match):
            act(by=who, now=NOW, **given_)
    assert not Stop.objects.exists()
    assert not request.member.holds.exists()


@pytest.mark.parametrize("who", [cast.SIGNE, cast.VERA])
def test_the_project_leader_alone_answers_and_the_dpo_alone_advises(amal, who):
    request = receive(amal)
    with pytest.raises(NotAllowed):
        answered(request, by=who)
    for other in (who, cast.LIV):
        with pytest.raises(NotAllowed):
            requests.advise(by=other, request=request, advice="Yes.", now=NOW)


# --- acts


def test_law_10_a_restriction_is_set_and_lifted_from_its_request(amal):
    request = receive(amal, kind="restriction")
    acts.restrict(by=cast.LIV, request=request, reason="Contests a fact.", now=NOW)
    assert amal.holds.get().kind == "restriction"
    with pytest.raises(NotNow):
        acts.restrict(by=cast.LIV, request=request, reason="Again.", now=NOW)
    acts.lift(by=cast.LIV, request=request, now=NOW + DAY)
    with pytest.raises(NotNow):
        acts.lift(by=cast.LIV, request=request, now=NOW + DAY)
    assert history(request) == ["received", "restricted", "lifted"]


def test_law_06_a_stop_from_its_request_has_rung_day_and_told_staff_with_a_receipt(amal):
    request = receive(amal, kind="erasure", received_on=TODAY)
    made = acts.stop(by=cast.LIV, request=request, rung="leave_delete", told_on=TODAY, now=NOW)
    assert (made.rung, made.channel, made.told_on) == ("leave_delete", "told staff", TODAY)
    assert Outgoing.objects.filter(occasion=made.pk, kind="receipt").exists()
    amal.refresh_from_db()
    assert amal.status == PanelMember.Status.DELETING
    answered(request, text="")
    assert not Message.objects.exists()  # all contact stopped; the receipt was the last letter
    assert history(request) == ["received", "stopped", "answered"]


def test_law_06_the_day_told_is_the_day_of_the_withdrawal(amal):
    from_day = amal.joined_on
    later = NOW + 5 * DAY
    services.ask_stop(
        by=cast.SIGNE, member=amal, rung="leave_keep", channel="told staff", told_on=from_day, now=later
    )
    assert AuditEvent.objects.get(verb="stop.asked").detail["told_on"] == from_day.isoformat()
    for wrong in (from_day - DAY, later.date() + DAY):
        with pytest.raises(BadInput):
            services.ask_stop(
                by=cast.SIGNE, member=amal, rung="no_mail", channel="told staff", told_on=wrong, now=later
            )


@pytest.mark.parametrize("kind", ["access", "question", "complaint"])
def test_an_act_that_does_not_fit_the_request_is_refused(amal, kind):
    request = receive(amal, kind=kind)
    with pytest.raises(NotNow):
        acts.stop(by=cast.LIV, request=request, rung="leave_delete", told_on=TODAY, now=NOW)
    assert not Stop.objects.exists()


def test_law_07_an_erasure_empties_the_words_and_leaves_the_request_as_a_proof_by_code(amal):
    request = receive(amal, kind="erasure", asked="Because of my brother.")
    answered(receive(amal, kind="question"))
    acts.stop(by=cast.LIV, request=request, rung="leave_delete", told_on=TODAY, now=NOW)
    assert erasure.erase_due(now=NOW + rules.WAIT) == 1
    request.refresh_from_db()
    assert (request.member, request.code) == (None, amal.code)
    assert set(RequestNote.objects.values_list("words", flat=True)) == {""}
    assert not Message.objects.exists()
    answered(request, now=NOW + rules.WAIT, text="")
    with pytest.raises(NotNow):
        requests.extend(by=cast.LIV, request=receive_again(request), reason="Ще.", now=NOW)


def receive_again(request):
    """Another open one of who is gone, which has nobody to be told."""
    Request.objects.filter(pk=request.pk).update(state="open")
    return request


def everything():
    tables = (Request, RequestNote, Message, Outgoing, Stop, AuditEvent, PanelMember)
    return [sorted(map(str, table.objects.values_list())) for table in tables]


@pytest.mark.parametrize("verb", ["receive", "advise", "extend", "answer", "close"])
def test_a_step_whose_last_write_breaks_keeps_nothing(amal, monkeypatch, verb):
    request = receive(amal, kind="question")
    steps = {
        "receive": lambda: receive(amal),
        "advise": lambda: requests.advise(by=cast.DAG, request=request, advice="Yes.", now=NOW),
        "extend": lambda: requests.extend(by=cast.LIV, request=request, reason="Ще.", now=NOW),
        "answer": lambda: answered(request),
        "close": lambda: requests.close(by=cast.LIV, request=request, reason="Taken back.", now=NOW),
    }
    before = everything()

    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr("panel.rights.requests.audit.record", broken)
    with pytest.raises(RuntimeError):
        steps[verb]()
    assert everything() == before


@pytest.mark.parametrize("verb", ["restrict", "lift", "stop"])
def test_an_act_whose_note_breaks_is_not_done(amal, monkeypatch, verb):
    request = receive(amal, kind="erasure" if verb == "stop" else "restriction")
    if verb == "lift":
        acts.restrict(by=cast.LIV, request=request, reason="Asked.", now=NOW)
    steps = {
        "restrict": lambda: acts.restrict(by=cast.LIV, request=request, reason="Asked.", now=NOW),
        "lift": lambda: acts.lift(by=cast.LIV, request=request, now=NOW),
        "stop": lambda: acts.stop(by=cast.LIV, request=request, rung="no_mail", told_on=TODAY, now=NOW),
    }
    before, holds = everything(), list(amal.holds.values())

    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr("panel.rights.acts.note", broken)
    with pytest.raises(RuntimeError):
        steps[verb]()
    assert (everything(), list(amal.holds.values())) == (before, holds)
