"""A run asks who signed older words: their mail waits, their answer lifts that, nobody else is touched (LAW-02…04)."""

from datetime import timedelta
from typing import Any

import pytest

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry, ConsentForm
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations import services as outbox
from panel.invitations.models import LetterKind, Link, Outgoing
from panel.members import holding
from panel.members import services as members
from panel.members.models import Hold, PanelMember, Study
from panel.rights import consent_forms as forms
from panel.rights import consenting, reconsent, services
from panel.rights.models import ReconsentAsk, ReconsentRun, Stop
from tests.consent.documents import PURPOSES, whole_document
from tests.factories import cast, fielding

pytestmark = pytest.mark.django_db
NOW = fielding.NOON
DAY = timedelta(days=1)


def approved(study: Study, version: str = "2024-03-01", by: Actor = cast.SIGNE) -> ConsentForm:
    form = forms.draft(by=by, study=study, document=whole_document(version), now=NOW)
    return forms.approve(by=cast.LIV, study=study, form=form, now=NOW)


@pytest.fixture
def study() -> Study:
    """Ready to send, four members who signed the words of 2022, and a new form."""
    made = cast.study(how_to_check='{"nb": "x", "en": "x", "uk": "x", "ru": "x"}')
    fielding.with_letters(made)
    cast.people(made, 4)
    return made


@pytest.fixture
def form(study: Study) -> ConsentForm:
    return approved(study)


def start(study: Study, form: ConsentForm, now: Any = NOW) -> ReconsentRun:
    return reconsent.start(by=cast.LIV, study=study, form=form, now=now)


def people(study: Study) -> list[PanelMember]:
    return list(study.members.order_by("code").select_related("study"))


def ask_of(member: PanelMember) -> ReconsentAsk:
    return ReconsentAsk.objects.select_related("run__form", "member__study").get(member=member)


def answer(member: PanelMember, now: Any = NOW, language: str = "uk", **said: str) -> None:
    consenting.answer(
        by=Actor.member(member.code), ask=ask_of(member), said={**dict.fromkeys(PURPOSES, "no"), **said},
        language=language, channel=Stop.Channel.OTHER_PAGE, now=now,
    )  # fmt: skip


def held(study: Study) -> set[str]:
    standing = Hold.objects.filter(member__study=study, kind=Hold.Kind.RECONSENT, lifted_at=None)
    return set(standing.values_list("member__code", flat=True))


def holding_waves(study: Study) -> set[str]:
    return consents.holding(study_key=study.key, subjects=None, purpose="waves")


# --- who is asked


def test_a_run_holds_and_writes_to_all_who_signed_older_words(study, form):
    run = start(study, form)
    codes = {member.code for member in people(study)}
    assert held(study) == codes
    assert (run.asked, run.asks.filter(written_to=True).count()) == (4, 4)
    rows = Outgoing.objects.filter(kind=LetterKind.RECONSENT, occasion=run.pk)
    assert {row.member.code for row in rows} == codes
    (event,) = AuditEvent.objects.filter(verb="reconsent.started")
    assert event.detail == {"run": str(run.pk), "asked": 4, "written_to": 4}


def test_who_left_who_never_agreed_and_who_answered_already_are_not_asked(study, form):
    left, withdrew, answered, asked = people(study)
    services.ask_stop(
        by=Actor.member(left.code), member=left, rung="leave_keep", channel="stop page", now=NOW
    )
    purposes = ("waves", "keep_in_touch", "interview")
    ledger.withdraw(
        study_key=study.key, subject=withdrew.code, purposes=purposes, channel="letter", day=NOW.date()
    )
    (text, *_rest) = consents.questions(form, "uk")
    consenting.withdraw(
        by=Actor.member(answered.code),
        member=answered,
        purpose="waves",
        channel=Stop.Channel.OWN_PAGE,
        now=NOW,
    )
    consenting.give(
        by=Actor.member(answered.code), member=answered, purpose="waves", sha256=text.sha256,
        channel=Stop.Channel.OWN_PAGE, now=NOW,
    )  # fmt: skip
    start(study, form)
    assert held(study) == {asked.code}


def test_who_wants_no_letters_or_can_not_be_reached_is_asked_without_a_letter(study, form):
    silent, gone, frozen, other = people(study)
    members.set_mail(by=cast.SYSTEM, member=silent, stopped=True, now=NOW)
    members.mark_unreachable(by=cast.SYSTEM, members=[gone], now=NOW)
    members.hold(by=cast.LIV, member=frozen, kind=Hold.Kind.RESTRICTION, reason="asked", now=NOW)
    run = start(study, form)
    assert len(held(study)) == 4
    assert [ask.member for ask in run.asks.filter(written_to=True)] == [other]
    assert Outgoing.objects.filter(kind=LetterKind.RECONSENT).count() == 1


def test_only_the_leader_runs_it_and_only_with_the_form_of_today(study, form):
    for by in (cast.SIGNE, cast.VERA, cast.DAG, cast.TOR):
        with pytest.raises(NotAllowed):
            reconsent.start(by=by, study=study, form=form, now=NOW)
    newer = approved(study, "2025")
    with pytest.raises(NotNow, match="form that is shown today"):
        start(study, form)
    start(study, newer)


def test_one_run_at_a_time_and_none_for_nobody(study, form):
    run = start(study, form)
    with pytest.raises(NotNow, match="open in this study"):
        start(study, form)
    reconsent.close(by=cast.LIV, run=run, lift=True, now=NOW)
    for member in people(study):
        answer(member)
    with pytest.raises(NotNow, match="nobody to ask"):
        start(study, form)


def test_a_start_that_breaks_at_its_last_write_keeps_nothing(study, form, monkeypatch):
    whole = reconsent.audit.record

    def broken(*, verb: str, **given: Any) -> Any:
        if verb == "reconsent.started":
            raise RuntimeError("broken")
        return whole(verb=verb, **given)

    monkeypatch.setattr(reconsent.audit, "record", broken)
    with pytest.raises(RuntimeError):
        start(study, form)
    assert not held(study)
    assert not ReconsentRun.objects.exists()
    assert not Outgoing.objects.filter(kind=LetterKind.RECONSENT).exists()


def test_a_run_is_a_constant_number_of_queries(study, form, django_assert_max_num_queries):
    cast.people(study, 20, start=50)
    with django_assert_max_num_queries(30):
        start(study, form)


# --- mail waits


def test_survey_mail_waits_and_goes_after_the_answer_and_the_letter_of_the_run_goes_at_once(
    study, form, mailoutbox
):
    fielding.opened(study)
    start(study, form)
    fielding.send_all(NOW)
    assert len(mailoutbox) == 4
    assert all("/k/" in mail.body for mail in mailoutbox)
    waiting = Outgoing.objects.filter(kind=LetterKind.INVITATION)
    assert set(waiting.values_list("state", "reason")) == {("deferred", "held")}
    yes, no, *silent = people(study)
    answer(yes, waves="yes")
    answer(no, archive="yes")
    fielding.send_all(NOW + DAY)
    assert {row.member: row.state for row in waiting} == {
        yes: "sent", no: "cancelled", **dict.fromkeys(silent, "deferred"),
    }  # fmt: skip
    assert not Outgoing.objects.filter(kind=LetterKind.RECONSENT).exclude(state="sent").exists()


@pytest.mark.parametrize("rung", ["no_mail", "leave_keep", "leave_delete"])
def test_nev_11_who_leaves_before_the_letter_of_the_run_goes_is_not_asked(study, form, mail_catcher, rung):
    start(study, form)
    gone = people(study)[0]
    services.ask_stop(
        by=Actor.member(gone.code), member=gone, rung=rung, channel="stop page", typed_word="SLETT", now=NOW
    )
    fielding.send_all(NOW)
    rows = Outgoing.objects.filter(kind=LetterKind.RECONSENT)
    assert [row.member for row in rows.filter(state="cancelled")] == [gone]
    assert rows.filter(state="sent").count() == 3


def test_the_link_of_the_letter_is_for_this_run_and_this_page_only(study, form):
    run = start(study, form)
    fielding.send_all(NOW)
    links = Link.objects.filter(use=Link.Use.CONSENT)
    assert set(links.values_list("occasion", flat=True)) == {run.pk}
    assert links.count() == 4


def test_files_and_answering_go_on_for_who_only_waits_for_new_words(study, form):
    start(study, form)
    assert study.members.usable().count() == 4
    members.hold(by=cast.LIV, member=people(study)[0], kind=Hold.Kind.RESTRICTION, reason="asked", now=NOW)
    assert study.members.usable().count() == 3


# --- answers


def test_law_02_law_03_each_answer_is_an_entry_with_the_exact_words_in_the_language_shown(study, form):
    member = people(study)[0]
    start(study, form)
    answer(member, language="ru", waves="yes", interview="no", archive="yes")
    said = {
        entry.purpose: entry
        for entry in consents.history(study_key=study.key, subject=member.code)
        if entry.form_version == form.version
    }
    assert {purpose: entry.action for purpose, entry in said.items()} == {
        "waves": "given", "interview": "withdrawn", "archive": "given",
    }  # fmt: skip
    for purpose, entry in said.items():
        assert entry.language == "ru"
        assert consents.text_of_entry(entry).body == whole_document()["questions"][purpose]["ru"]
    keeps = consents.holding(study_key=study.key, subjects=None, purpose="keep_in_touch")
    assert member.code in keeps  # what wasn't asked is as it was


def test_a_language_the_study_does_not_have_is_answered_in_the_study_s_own(study, form):
    Study.objects.filter(pk=study.pk).update(languages=["nb", "uk"], default_language="nb")
    member = people(study)[0]
    start(study, approved(Study.objects.get(pk=study.pk), "two"))
    answer(member, language="ru", waves="yes")
    assert consents.history(study_key=study.key, subject=member.code).last().language == "nb"


@pytest.mark.parametrize("missing", PURPOSES)
def test_law_04_no_question_has_a_default(study, form, missing):
    member = people(study)[0]
    start(study, form)
    before = ConsentEntry.objects.count()
    for nothing in ("", "on", "maybe"):
        with pytest.raises(BadInput, match="yes or no"):
            answer(member, **{**dict.fromkeys(PURPOSES, "yes"), missing: nothing})
    assert ConsentEntry.objects.count() == before
    assert member.code in held(study)


def test_a_no_to_one_purpose_blocks_no_other(study, form):
    member = people(study)[0]
    start(study, form)
    answer(member, waves="no", archive="yes")
    assert member.code not in holding_waves(study)
    assert member.code in consents.holding(study_key=study.key, subjects=None, purpose="archive")
    assert member.code not in held(study)
    assert ask_of(member).answered_on == NOW.date()


def test_answers_may_be_changed_as_long_as_the_form_stands(study, form):
    member = people(study)[0]
    run = start(study, form)
    answer(member, waves="no")
    reconsent.close(by=cast.LIV, run=run, lift=False, now=NOW)
    answer(member, waves="yes")
    assert member.code in holding_waves(study)
    forms.retire(by=cast.LIV, study=study, form=form, now=NOW)
    with pytest.raises(NotNow, match="no longer asked"):
        answer(member, waves="no")


def test_only_the_member_answers(study, form):
    member, other = people(study)[:2]
    start(study, form)
    for by in (cast.LIV, cast.SYSTEM, Actor.member(other.code)):
        with pytest.raises(NotAllowed):
            consenting.answer(
                by=by, ask=ask_of(member), said=dict.fromkeys(PURPOSES, "yes"), language="uk",
                channel=Stop.Channel.OTHER_PAGE, now=NOW,
            )  # fmt: skip


def test_an_answer_that_breaks_at_its_last_write_keeps_nothing(study, form, monkeypatch):
    member = people(study)[0]
    start(study, form)
    before = ConsentEntry.objects.count()

    def broken(**_given: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(consenting, "_tell", lambda *_given, **_detail: broken())
    with pytest.raises(RuntimeError):
        answer(member, waves="yes")
    assert ConsentEntry.objects.count() == before
    assert member.code in held(study)
    assert ask_of(member).answered_on is None


# --- the end


@pytest.mark.parametrize("lift", [True, False])
def test_a_close_lifts_the_holds_or_keeps_them_as_it_is_told(study, form, lift):
    run = start(study, form)
    answer(people(study)[0], waves="yes")
    reconsent.close(by=cast.LIV, run=run, lift=lift, now=NOW)
    assert len(held(study)) == (0 if lift else 3)
    assert (run.lifted, run.closed_by) == (lift, "liv")
    assert set(Outgoing.objects.filter(kind=LetterKind.RECONSENT).values_list("state", flat=True)) == {
        "cancelled"
    }
    with pytest.raises(NotNow, match="closed already"):
        reconsent.close(by=cast.LIV, run=run, lift=lift, now=NOW)


def test_a_later_run_asks_those_who_stayed_silent_again(study, form):
    first = start(study, form)
    reconsent.close(by=cast.LIV, run=first, lift=False, now=NOW)
    second = start(study, form, NOW + DAY)
    assert (second.asked, len(held(study))) == (4, 4)
    member = people(study)[0]
    ask = second.asks.select_related("run__form", "member__study").get(member=member)
    consenting.answer(
        by=Actor.member(member.code), ask=ask, said=dict.fromkeys(PURPOSES, "yes"), language="uk",
        channel=Stop.Channel.OTHER_PAGE, now=NOW,
    )  # fmt: skip
    assert not ReconsentAsk.objects.filter(member=member, answered_on=None).exists()


def test_law_03_an_older_letter_does_not_answer_for_the_words_of_a_later_run(study, form):
    """Its words are asked no more, and the mail goes on waiting for the answer to the new ones."""
    first = start(study, form)
    reconsent.close(by=cast.LIV, run=first, lift=False, now=NOW)
    start(study, approved(study, "2024-05-01"), NOW + DAY)
    member = people(study)[0]
    ask = first.asks.select_related("run__form", "member__study").get(member=member)
    with pytest.raises(NotNow, match="no longer asked"):
        consenting.answer(
            by=Actor.member(member.code), ask=ask, said=dict.fromkeys(PURPOSES, "yes"), language="uk",
            channel=Stop.Channel.OTHER_PAGE, now=NOW + DAY,
        )  # fmt: skip
    assert member.code in held(study)


def test_a_close_that_breaks_at_its_last_write_keeps_the_run_open(study, form, monkeypatch):
    run = start(study, form)

    def broken(*_given: Any, **_detail: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(reconsent, "_tell", broken)
    with pytest.raises(RuntimeError):
        reconsent.close(by=cast.LIV, run=run, lift=True, now=NOW)
    assert len(held(study)) == 4
    assert ReconsentRun.objects.get().closed_at is None


def test_coverage_counts_by_cohort(study, form, django_assert_num_queries):
    PanelMember.objects.filter(pk=people(study)[0].pk).update(cohort="2023")
    run = start(study, form)
    answer(people(study)[0], waves="yes", archive="yes")
    answer(people(study)[1], waves="no", archive="yes")
    people(study)[3].delete()
    with django_assert_num_queries(2):
        found = reconsent.coverage(run)
    counts = {one.name: (one.asked, one.written_to, one.answered, one.waiting) for one in found.cohorts}
    assert counts["2023"] == (1, 1, 1, 0)
    assert (found.total("asked"), found.total("answered"), found.gone) == (3, 2, 1)
    assert list(found.said) == [("archive", 2, 0), ("interview", 0, 2), ("waves", 1, 1)]


# --- many at once


def test_holds_for_many_leave_those_that_stand_and_need_the_leader(study):
    one, *others = people(study)
    members.hold(by=cast.LIV, member=one, kind=Hold.Kind.RECONSENT, reason="asked", now=NOW)
    every = [member.pk for member in (one, *others)]
    given: dict[str, Any] = {"study": study, "members": every, "reason": "new words", "now": NOW}
    with pytest.raises(NotAllowed):
        holding.hold_for_consent(by=cast.SIGNE, **given)
    assert holding.hold_for_consent(by=cast.LIV, **given) == 3
    assert len(held(study)) == 4
    with pytest.raises(NotAllowed):
        holding.lift_for_consent(by=cast.SIGNE, study=study, now=NOW)
    assert holding.lift_for_consent(by=cast.LIV, study=study, now=NOW) == 4


def test_service_mail_for_many_is_queued_once(study):
    every = [member.pk for member in people(study)]
    for _twice in range(2):
        outbox.queue_service_many(members=every, occasion=study.pk, kind=LetterKind.RECONSENT, now=NOW)
    assert Outgoing.objects.filter(occasion=study.pk).count() == 4
