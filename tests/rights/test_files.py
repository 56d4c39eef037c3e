"""LAW-14: what lies outside, whom it holds, who is still to be taken out of it; and nothing half done."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.rights import erasure, files, rules, selectors, services
from panel.rights.models import OutsideHolding, OutsideItem, Stop
from tests.factories import cast

NOW = cast.NOW
TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.fixture
def people(db):
    return cast.people(cast.study(), 3)


def register(people, **changes):
    given_ = {
        "by": cast.LIV, "study": people[0].study, "kind": "linked_file", "what": "Panel 2022–2023",
        "where": "Encrypted disk 4", "holder": "Ines", "made_on": TODAY, "now": NOW,
        "codes": [one.code for one in people],
    }  # fmt: skip
    return files.register(**{**given_, **changes})


def leave(member, rung="leave_delete", **changes):
    return services.ask_stop(
        by=Actor.member(member.code), member=member, rung=rung, channel="stop page", typed_word="DELETE",
        now=NOW, **changes,
    )  # fmt: skip


def waiting(study):
    return set(selectors.to_take_out([study]).values_list("item__what", "code"))


def test_nobody_waits_in_a_file_before_somebody_leaves(people):
    item = register(people)
    assert item.holdings.count() == 3
    assert waiting(item.study) == set()
    assert [held.item for held in selectors.left_outside(people[0].code)] == [item]


@pytest.mark.parametrize("rung", ["leave_keep", "leave_delete"])
def test_law_14_a_withdrawal_lists_the_files_and_becomes_work_until_it_is_ticked_off(people, rung):
    item = register(people)
    leave(people[0], rung)
    assert waiting(item.study) == {("Panel 2022–2023", people[0].code)}
    assert files.take_out(by=cast.LIV, item=item, codes=[people[0].code], now=NOW + DAY) == 1
    assert waiting(item.study) == set()
    held = OutsideHolding.objects.get(code=people[0].code)
    assert (held.removed_on, held.removed_by) == (TODAY + DAY, "liv")
    event = AuditEvent.objects.get(verb="outside.cleaned")
    assert (event.subject, event.actor) == (people[0].code, "liv")
    assert "Panel" not in str(event.detail)


def test_the_work_stays_when_the_member_is_erased(people):
    item = register(people)
    leave(people[0])
    erasure.erase_due(now=NOW + rules.WAIT)
    assert waiting(item.study) == {("Panel 2022–2023", people[0].code)}


def test_a_file_registered_after_a_withdrawal_is_work_too_and_an_undo_ends_it(people):
    stop = leave(people[0])
    item = register(people)
    assert len(waiting(item.study)) == 1
    stop = Stop.objects.select_related("member__study").get(pk=stop.pk)
    services.undo_stop(by=Actor.member(people[0].code), stop=stop, now=NOW + DAY)
    assert waiting(item.study) == set()


def test_a_pause_is_no_withdrawal(people):
    item = register(people)
    leave(people[0], "no_mail")
    assert waiting(item.study) == set()


def test_what_is_gone_holds_nobody(people):
    item = register(people)
    leave(people[0])
    files.mark_gone(by=cast.SIGNE, item=item, now=NOW + 2 * DAY, gone_on=TODAY + DAY)
    assert waiting(item.study) == set()
    assert not selectors.left_outside(people[1].code)
    item.refresh_from_db()
    assert (item.gone_on, item.gone_by) == (TODAY + DAY, "signe")
    with pytest.raises(NotNow):
        files.mark_gone(by=cast.SIGNE, item=item, now=NOW + 2 * DAY)


def test_the_member_reads_kinds_and_no_names(people):
    register(people)
    register(people, kind="recording", what="Interview 7", codes=[people[0].code])
    assert selectors.kinds_outside(people[0].code) == ["linked_file", "recording"]
    assert selectors.kinds_outside(people[1].code) == ["linked_file"]
    assert "can’t be recalled" in str(rules.NO_RECALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": " "},
        {"holder": ""},
        {"kind": "cloud"},
        {"made_on": TODAY + DAY},
        {"codes": ["ZZZZZZZZZ"]},
    ],
)
def test_what_is_not_clear_is_not_registered(people, wrong):
    with pytest.raises(BadInput):
        register(people, **wrong)
    assert not OutsideItem.objects.exists()


@given(st.data())
def test_codes_are_taken_as_they_are_typed(data):
    """A dash, a blank and small letters change nothing; each code counts once."""
    code = "4D72RWF65"
    at = data.draw(st.integers(0, 9))
    sign = data.draw(st.sampled_from(["-", " ", ""]))
    assert files.tidy_code(code[:at].lower() + sign + code[at:]) == code


def test_another_studys_members_and_files_stay_apart(people):
    another = cast.Study.objects.get(slug="another")
    with pytest.raises(BadInput):
        register(people, by=cast.SYSTEM, study=another)
    item = register(people)
    leave(people[0])
    assert not selectors.to_take_out([another])
    with pytest.raises(NotAllowed):
        files.take_out(by=cast.TOR, item=item, codes=[people[0].code], now=NOW)


@pytest.mark.parametrize("who", [cast.VERA, cast.INES, cast.DAG])
def test_who_may_not_registers_nothing(people, who):
    with pytest.raises(NotAllowed):
        register(people, by=who)


def test_nobody_is_taken_out_who_did_not_leave_or_twice(people):
    item = register(people)
    leave(people[0])
    for codes in ([], [people[1].code], [people[0].code, people[1].code], ["ZZZZZZZZZ"]):
        with pytest.raises(NotNow):
            files.take_out(by=cast.LIV, item=item, codes=codes, now=NOW)
    files.take_out(by=cast.LIV, item=item, codes=[people[0].code], now=NOW)
    with pytest.raises(NotNow):
        files.take_out(by=cast.LIV, item=item, codes=[people[0].code], now=NOW)


def test_a_day_before_it_was_made_or_after_today_is_refused(people):
    item = register(people)
    for day in (TODAY - DAY, TODAY + DAY):
        with pytest.raises(BadInput):
            files.mark_gone(by=cast.LIV, item=item, now=NOW, gone_on=day)


@pytest.mark.parametrize("verb", ["register", "take_out", "mark_gone"])
def test_a_step_whose_last_write_breaks_keeps_nothing(people, monkeypatch, verb):
    item = register(people)
    leave(people[0])
    steps = {
        "register": lambda: register(people),
        "take_out": lambda: files.take_out(by=cast.LIV, item=item, codes=[people[0].code], now=NOW),
        "mark_gone": lambda: files.mark_gone(by=cast.LIV, item=item, now=NOW),
    }

    def kept():
        return list(OutsideItem.objects.values()), list(OutsideHolding.objects.order_by("code").values())

    before = kept()

    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr("panel.rights.files.audit.record", broken)
    with pytest.raises(RuntimeError):
        steps[verb]()
    assert kept() == before
