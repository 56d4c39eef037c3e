"""A study's page: words to all members, a role taken away (ZON-04)."""

import pytest
from django.urls import reverse

from panel.audit.models import AuditEvent
from panel.invitations.models import Outgoing
from panel.members import cohorts
from panel.members import services as members
from panel.members.models import Hold, PanelMember, StaffRole, Study
from panel.rights.models import Message
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db
WORDS = {"nb": "Et brudd.", "en": "A breach.", "uk": "Порушення.", "ru": "Нарушение."}
GIVEN = {f"words_{language}": text for language, text in WORDS.items()}


def step(study, slug):
    return reverse("desk:members_study_step", args=[study.pk, slug])


# --- a notice to all


def test_a_notice_says_how_many_get_it_and_goes_to_so_many(field, at_desk):
    liv, one, two = at_desk(cast.LIV), field.members[0], field.members[1]
    members.mark_unreachable(by=cast.SYSTEM, members=[one], now=NOW)
    members.hold(by=cast.SYSTEM, member=two, kind=Hold.Kind.SUPPRESSION, reason="Asked.", now=NOW)
    reached = field.study.members.filter(status=PanelMember.Status.ACTIVE).count() - 2
    page = liv.get(step(field.study, "notice")).text
    assert f"{reached} members get the letter." in page
    assert "2 members get none" in page
    done = liv.post(step(field.study, "notice"), GIVEN, follow=True)
    assert "the letters are in the outbox" in done.text
    message = Message.objects.latest("made_at")
    assert (message.kind, message.member, message.words) == ("notice", None, WORDS)
    letters = Outgoing.objects.filter(occasion=message.pk, kind="notice")
    assert letters.count() == reached
    assert not letters.filter(member__in=[one, two]).exists()
    event = AuditEvent.objects.get(verb="message.written", actor="liv")
    assert event.detail == {"kind": "notice", "letters": reached}


@pytest.mark.parametrize("missing", GIVEN)
def test_a_notice_has_words_in_each_language_of_the_study(field, at_desk, missing):
    before = Message.objects.count()
    answer = at_desk(cast.LIV).post(step(field.study, "notice"), {**GIVEN, missing: "  "})
    assert (answer.status_code, Message.objects.count()) == (400, before)


def test_a_notice_asks_for_no_other_language(field, at_desk):
    Study.objects.filter(pk=field.study.pk).update(languages=["nb", "uk"])
    page = at_desk(cast.LIV).get(step(field.study, "notice")).text
    assert [f'name="words_{language}"' in page for language in ("nb", "uk", "en", "ru")] == [
        True, True, False, False,
    ]  # fmt: skip


# --- a role taken away


def take(client, study, username, role):
    return client.post(step(study, "take-role"), {"username": username, "role": role}, follow=True)


def test_zon_04_a_role_is_taken_away_at_the_desk_and_recorded(field, at_desk):
    answer = take(at_desk(cast.LIV), field.study, "ines", "researcher")
    assert "The role is taken away." in answer.text
    assert not StaffRole.objects.filter(user__username="ines").exists()
    event = AuditEvent.objects.get(verb="role.taken")
    assert (event.actor, event.subject, event.detail) == ("liv", "ines", {"role": "researcher"})


@pytest.mark.parametrize(
    ("username", "role"), [("ines", "keeper"), ("eve", "researcher"), ("tor", "coordinator")]
)
def test_a_role_that_nobody_has_here_is_not_taken(field, at_desk, username, role):
    before = StaffRole.objects.count()
    answer = take(at_desk(cast.LIV), field.study, username, role)
    assert (answer.status_code, StaffRole.objects.count()) == (400, before)


def test_zon_04_the_only_leader_keeps_their_role(field, at_desk):
    liv = at_desk(cast.LIV)
    answer = take(liv, field.study, "liv", "leader")
    assert answer.status_code == 403
    assert "the only project leader" in answer.text
    members.assign_role(by=cast.SYSTEM, user=cast.user(cast.TOR), study=field.study, role="leader", now=NOW)
    take(liv, field.study, "liv", "leader")
    assert not StaffRole.objects.filter(user__username="liv", role="leader").exists()


def test_how_a_cohort_was_recruited_is_told_and_stands_on_the_study_s_page(field, at_desk):
    cohorts.count_in(study=field.study, name="2025", answered=100, joined=80)
    signe, url = at_desk(cast.SIGNE), reverse("desk:members_study_step", args=[field.study.pk, "cohort"])
    given = {"name": "2025", "how": "asked", "approached": 400}
    assert signe.post(url, {**given, "approached": 99}).status_code == 400
    assert signe.post(url, {**given, "name": "1999"}).status_code == 404
    said = signe.post(url, given, follow=True).text
    assert "worked out from it" in said
    assert "asked one by one" in said
    assert '<td class="desk-number">400</td><td class="desk-number">100</td>' in said
