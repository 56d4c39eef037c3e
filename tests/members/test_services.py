"""Each write on studies, roles, members, holds: what it changes, its audit row, nothing where that breaks."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core import serializers

from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.members import selectors, services
from panel.members.models import Hold, PanelMember, StaffRole, Study, StudyDecision
from panel.members.rules import Role
from tests.factories import cast
from tests.factories.cast import INES, LIV, NOW, SIGNE, SYSTEM, TOR, VERA, user

pytestmark = pytest.mark.django_db
Status = PanelMember.Status


@pytest.fixture
def study() -> Study:
    return cast.study()


@pytest.fixture
def amal(study: Study) -> PanelMember:
    return cast.amal(study)


def last_event() -> AuditEvent:
    return AuditEvent.objects.order_by("-id")[0]


# --- studies and roles


def test_a_study_is_created_by_the_operator_alone():
    made = cast.bare_study("new")
    assert selectors.study("new") == made
    event = last_event()
    assert (event.verb, event.study) == ("study.created", "new")
    with pytest.raises(NotAllowed):
        services.create_study(by=LIV, now=NOW, slug="own", name="x", institution="y", public_name="z")


@pytest.mark.parametrize(
    "changes",
    [{"slug": "not a slug"}, {"name": ""}, {"contact_email": "nobody"}, {"default_language": "de"}],
)
def test_a_study_that_does_not_hold_together_is_refused(changes):
    with pytest.raises(BadInput):
        cast.bare_study(**changes)
    assert not Study.objects.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        *(
            ({"languages": languages}, "languages must be a list of these: nb, en, uk, ru")
            for languages in ("uk", {"uk": 1}, ["uk", "de"], ["uk", 1], [["uk"]], ["uk", None])
        ),
        ({"default_language": "de"}, "default language must be one of its languages"),
        ({"languages": ["nb"]}, "default language must be one of its languages"),
        ({"default_language": ["uk"]}, "default language must be one of its languages"),
        *(
            ({name: f"a{sign}b@example.org"}, f"{name} must be one line")
            for name in ("name", "institution", "public_name", "contact_email")
            for sign in ("\n", "\r", "\t", "\x00", "\x85", "\u2028", "\ud800")
        ),
        ({"how_to_check": '{"nb": "En.\\nTo."}'}, "how_to_check must be one line"),
        *(
            ({"how_to_check": text}, "how_to_check must be a JSON object")
            for text in ("Look at our page.", "[]", '{"nb": 1}', '{"de": "Hier."}', ["x"], '{"nb": "a\nb"}')
        ),
    ],
)
def test_a_study_whose_letters_could_not_be_sent_is_refused_with_a_sentence(changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        cast.bare_study(**changes)
    assert not Study.objects.exists()


def test_a_study_of_one_language_and_without_a_list_speaks_its_default():
    assert cast.bare_study(languages=[], default_language="nb").languages == ["nb"]


def test_two_studies_of_one_slug_are_refused():
    cast.bare_study("twin")
    with pytest.raises(BadInput):
        cast.bare_study("twin")


def test_a_study_or_member_that_is_not_there(amal):
    assert selectors.member(f"{amal.code[:4]} {amal.code[4:].lower()}") == amal
    for look in (lambda: selectors.study("nowhere"), lambda: selectors.member("000000000")):
        with pytest.raises(NotFound):
            look()


def test_ZON_04_the_leader_gives_and_takes_roles(study):
    given = services.assign_role(by=LIV, user=user(TOR), study=study, role=Role.RESEARCHER, now=NOW)
    event = last_event()
    assert (event.verb, event.actor, event.subject, event.detail) == (
        "role.given",
        "liv",
        "tor",
        {"role": "researcher"},
    )
    again = services.assign_role(by=LIV, user=user(TOR), study=study, role="researcher", now=NOW)
    assert again == given
    services.take_role(by=LIV, given=given, now=NOW)
    assert selectors.roles_of("tor", study) == set()
    assert last_event().verb == "role.taken"


def test_ZON_04_the_only_leader_keeps_their_role_and_a_closed_log_in_is_no_other(study):
    mine = StaffRole.objects.get(study=study, role=Role.LEADER)
    services.assign_role(by=LIV, user=user(TOR), study=study, role=Role.LEADER, now=NOW)
    tor = user(TOR)
    for active in (False, True):
        tor.is_active = active
        tor.save()
        if not active:
            with pytest.raises(NotAllowed, match="only project leader"):
                services.take_role(by=LIV, given=mine, now=NOW)
    services.take_role(by=LIV, given=mine, now=NOW)
    assert selectors.roles_of("liv", study) == set()
    services.take_role(by=SYSTEM, given=selectors.role("tor", study, "leader"), now=NOW)  # an operator may


@pytest.mark.parametrize("by", [SIGNE, VERA, TOR, Actor.member("x")])
def test_ZON_04_nobody_else_gives_or_takes_a_role(study, by):
    given = StaffRole.objects.get(study=study, role=Role.REVIEWER)
    with pytest.raises(NotAllowed):
        services.assign_role(by=by, user=user(TOR), study=study, role=Role.REVIEWER, now=NOW)
    with pytest.raises(NotAllowed):
        services.take_role(by=by, given=given, now=NOW)


def test_ZON_04_nobody_gives_a_role_to_themselves(study):
    with pytest.raises(NotAllowed, match="themselves"):
        services.assign_role(by=LIV, user=user(LIV), study=study, role=Role.REVIEWER, now=NOW)


@pytest.mark.parametrize(("person", "role"), [(SIGNE, Role.KEEPER), (VERA, Role.COORDINATOR)])
def test_ZON_04_coordinator_and_keeper_in_one_person_need_a_decision_with_a_reason(study, person, role):
    with pytest.raises(NotAllowed, match="must be two people"):
        services.assign_role(by=LIV, user=user(person), study=study, role=role, now=NOW)
    with pytest.raises(BadInput):
        services.decide(by=LIV, study=study, setting="coordinator_opens_cards", reason=" ", now=NOW)
    services.decide(by=LIV, study=study, setting="coordinator_opens_cards", reason="a staff of one", now=NOW)
    services.assign_role(by=LIV, user=user(person), study=study, role=role, now=NOW)
    assert selectors.roles_of(person.name, study) >= {Role.COORDINATOR, Role.KEEPER}


def test_ZON_04_a_decision_of_one_study_counts_in_no_other(study):
    services.decide(by=LIV, study=study, setting="coordinator_opens_cards", reason="a staff of one", now=NOW)
    other = cast.study("other")
    with pytest.raises(NotAllowed):
        services.assign_role(by=LIV, user=user(SIGNE), study=other, role=Role.KEEPER, now=NOW)


def test_a_decision_says_who_when_and_why(study):
    decision = services.decide(
        by=LIV, study=study, setting="hours_lifted", about="w2023", reason=" a pilot ", now=NOW
    )
    assert StudyDecision.objects.get(setting="hours_lifted") == decision
    assert (decision.decided_by, decision.decided_at, decision.reason) == ("liv", NOW, "a pilot")
    assert last_event().detail == {"setting": "hours_lifted", "reason": "a pilot"}
    with pytest.raises(NotAllowed):
        services.decide(by=SIGNE, study=study, setting="hours_lifted", reason="mine", now=NOW)
    with pytest.raises(BadInput):
        services.decide(by=LIV, study=study, setting="no_consent_needed", reason="hm", now=NOW)


# --- members


def test_LAW_06_a_membership_moves_along_the_table(amal):
    services.set_status(by=SYSTEM, member=amal, status=Status.DELETING, now=NOW)
    assert last_event().detail == {"from": "active", "to": "deleting"}
    services.set_status(by=Actor.member(amal.code), member=amal, status="active", now=NOW)
    assert PanelMember.objects.get().status == amal.status == Status.ACTIVE
    with pytest.raises(NotNow):
        services.set_status(by=SYSTEM, member=amal, status=Status.ACTIVE, now=NOW)


def test_of_two_who_change_a_membership_at_once_the_second_is_told(amal):
    stale = PanelMember.objects.get()
    services.set_status(by=SYSTEM, member=amal, status=Status.LEFT, now=NOW)
    with pytest.raises(NotNow, match="meanwhile"):
        services.set_status(by=SYSTEM, member=stale, status=Status.DELETING, now=NOW)
    assert PanelMember.objects.get().status == Status.LEFT


def test_a_place_is_set_and_not_repeated_in_the_audit(amal):
    services.set_place(by=SIGNE, member=amal, place="returned", now=NOW)
    assert PanelMember.objects.get().place == amal.place == "returned"
    assert "returned" not in str(serializers.serialize("json", [last_event()]))


def test_mail_is_stopped_paused_and_let_go_on(amal):
    services.set_mail(by=Actor.member(amal.code), member=amal, stopped=True, now=NOW)
    services.set_mail(by=SYSTEM, member=amal, paused_until=date(2023, 1, 1), now=NOW)
    kept = PanelMember.objects.get()
    assert (kept.mail_stopped, kept.paused_until) == (True, date(2023, 1, 1))
    assert last_event().detail == {"paused_until": "2023-01-01"}
    services.set_mail(by=SYSTEM, member=amal, stopped=False, paused_until=None, now=NOW)
    kept = PanelMember.objects.get()
    assert (kept.mail_stopped, kept.paused_until) == (False, None)
    events = AuditEvent.objects.count()
    services.set_mail(by=SYSTEM, member=amal, now=NOW)
    assert AuditEvent.objects.count() == events


def test_NEV_03_an_unreachable_address_leaves_status_and_place_as_they_were(study):
    first, second, third = cast.people(study, 3)
    services.mark_unreachable(by=SYSTEM, members=[first, second], now=NOW)
    kept = {member.code: member for member in PanelMember.objects.all()}
    assert [kept[one.code].unreachable for one in (first, second, third)] == [True, True, False]
    assert {(one.status, one.place) for one in kept.values()} == {("active", "unknown")}
    told = AuditEvent.objects.filter(verb="address.refused").values_list("subject", flat=True)
    assert set(told) == {first.code, second.code}


@pytest.mark.parametrize("who", [SIGNE, VERA])
def test_an_address_is_tried_again_when_a_coordinator_or_a_keeper_says_so(amal, who):
    services.mark_unreachable(by=SYSTEM, members=[amal], now=NOW)
    with pytest.raises(NotAllowed):
        services.mark_reachable(by=INES, member=amal, now=NOW)
    services.mark_reachable(by=who, member=amal, now=NOW)
    assert not PanelMember.objects.get().unreachable
    with pytest.raises(NotNow):
        services.mark_reachable(by=who, member=amal, now=NOW)


def test_an_address_in_a_reason_is_masked(study):
    decision = services.decide(
        by=LIV, study=study, setting="minors_allowed", reason="asked by amal@example.org", now=NOW
    )
    assert decision.reason == "asked by [address]"


def test_LAW_10_a_hold_is_set_and_lifted_once(amal):
    held = services.hold(by=LIV, member=amal, kind="restriction", reason="asked by letter", now=NOW)
    assert (held.kind, held.since, held.lifted_at) == ("restriction", NOW, None)
    with pytest.raises(NotNow, match="already"):
        services.hold(by=LIV, member=amal, kind="restriction", reason="asked again", now=NOW)
    services.lift(by=LIV, held=held, now=NOW)
    assert Hold.objects.get().lifted_at == NOW
    with pytest.raises(NotNow):
        services.lift(by=LIV, held=held, now=NOW)
    with pytest.raises(BadInput):
        services.hold(by=LIV, member=amal, kind="restriction", reason="", now=NOW)


@pytest.mark.parametrize("by", [SIGNE, VERA, TOR, Actor.member("x")])
def test_LAW_10_the_project_leader_alone_holds_and_lifts(amal, by):
    with pytest.raises(NotAllowed):
        services.hold(by=by, member=amal, kind="restriction", reason="asked", now=NOW)
    held = services.hold(by=LIV, member=amal, kind="restriction", reason="asked", now=NOW)
    with pytest.raises(NotAllowed):
        services.lift(by=by, held=held, now=NOW)
    assert Hold.objects.get().lifted_at is None


# --- break the last write

Act = Callable[[Study, PanelMember], Any]
ACTIONS: dict[str, Act] = {
    "create_study": lambda study, amal: cast.bare_study("third"),
    "assign_role": lambda study, amal: services.assign_role(
        by=LIV, user=user(TOR), study=study, role=Role.RESEARCHER, now=NOW
    ),
    "take_role": lambda study, amal: services.take_role(
        by=LIV, given=StaffRole.objects.get(study=study, role=Role.REVIEWER), now=NOW
    ),
    "decide": lambda study, amal: services.decide(
        by=LIV, study=study, setting="minors_allowed", reason="approved", now=NOW
    ),
    "set_status": lambda study, amal: services.set_status(by=SYSTEM, member=amal, status="left", now=NOW),
    "set_place": lambda study, amal: services.set_place(by=SYSTEM, member=amal, place="away", now=NOW),
    "set_mail": lambda study, amal: services.set_mail(by=SYSTEM, member=amal, stopped=True, now=NOW),
    "mark_unreachable": lambda study, amal: services.mark_unreachable(by=SYSTEM, members=[amal], now=NOW),
    "mark_reachable": lambda study, amal: services.mark_reachable(by=SIGNE, member=amal, now=NOW),
    "hold": lambda study, amal: services.hold(
        by=LIV, member=amal, kind="restriction", reason="asked", now=NOW
    ),
    "lift": lambda study, amal: services.lift(by=LIV, held=Hold.objects.get(), now=NOW),
}


def snapshot() -> str:
    rows = [*Study.objects.all(), *StaffRole.objects.all(), *StudyDecision.objects.all()]
    return str(serializers.serialize("json", [*rows, *PanelMember.objects.all(), *Hold.objects.all()]))


@pytest.mark.parametrize("name", ACTIONS)
def test_when_its_last_write_breaks_nothing_of_an_action_is_kept(study, amal, monkeypatch, name):
    user(TOR)
    services.hold(by=LIV, member=amal, kind="reconsent", reason="new form", now=NOW)
    if name == "mark_reachable":
        services.mark_unreachable(by=SYSTEM, members=[amal], now=NOW)
    before = snapshot()

    def broken(**_given: object) -> None:
        assert snapshot() != before, "the audit row is the last write"
        raise RuntimeError("the last write broke")

    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", broken)
        with pytest.raises(RuntimeError):
            ACTIONS[name](study, amal)
    assert snapshot() == before
    amal.refresh_from_db()
    ACTIONS[name](study, amal)
    assert snapshot() != before, "and unbroken it does something"
