"""ZON-04: who gets what at every URL of the desk. The table is the specification; a route not in it fails."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from panel.desk.site import desk
from panel.desk.urls import urlpatterns
from panel.invitations import letter_versions, lost_contacts, replies
from panel.invitations.models import Letter, Outgoing
from panel.members import services as members
from panel.members.models import StaffRole
from panel.rights.models import ProjectEnd
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db

WHO = {"L": cast.LIV, "C": cast.SIGNE, "K": cast.VERA, "R": cast.INES, "V": cast.RAVN, "D": cast.DAG}
ALL = "LCKRVD"

#: (route, what its address holds) -> who gets it. L leader, C coordinator, K keeper, R researcher, V reviewer, D DPO.
MATRIX = {
    ("index", ()): ALL,
    ("jsi18n", ()): ALL,
    ("search", ()): ALL,
    ("password_change", ()): ALL,
    ("app_list", ("waves",)): ALL,
    ("members_study_changelist", ()): ALL,
    ("members_study_change", ("study",)): ALL,
    ("members_study_step", ("study", "setup")): "LC",
    ("members_study_step", ("study", "cohort")): "LC",
    ("members_study_step", ("study", "limit")): "L",
    ("members_study_step", ("study", "silent-day")): "L",
    ("members_study_step", ("study", "silent-day-out")): "L",
    ("members_study_step", ("study", "letters")): "L",
    ("members_study_step", ("study", "decide")): "L",
    ("members_study_step", ("study", "role")): "L",
    ("members_study_step", ("study", "take-role")): "L",
    ("members_study_step", ("study", "notice")): "L",
    ("waves_wave_changelist", ()): "LCR",
    ("waves_wave_change", ("wave",)): "LCR",
    ("waves_wave_by", ("wave", "language")): "LCR",
    ("waves_wave_plan", ()): "C",
    ("waves_wave_versions", ("wave",)): "LC",
    ("waves_wave_dryrun", ("wave",)): "LC",
    ("waves_wave_propose", ("wave",)): "C",
    ("waves_wave_step", ("wave", "apply")): "L",
    ("waves_wave_step", ("wave", "reject")): "L",
    ("waves_wave_step", ("wave", "drop")): "C",
    ("waves_wave_step", ("wave", "extend")): "L",
    ("waves_wave_step", ("wave", "rest")): "L",
    ("waves_wave_step", ("wave", "newcomers")): "L",
    ("waves_wave_step", ("wave", "approve")): "L",
    ("waves_wave_step", ("wave", "hours")): "L",
    ("waves_wave_step", ("wave", "close")): "L",
    ("members_panelmember_changelist", ()): "LC",
    ("members_panelmember_change", ("member",)): "LC",
    ("members_panelmember_step", ("member", "told")): "C",
    ("members_panelmember_step", ("member", "outcome")): "LC",
    ("members_panelmember_step", ("member", "reachable")): "C",
    ("members_panelmember_step", ("member", "restrict")): "L",
    ("members_panelmember_step", ("member", "lift")): "L",
    ("residency_flag_changelist", ()): "C",
    ("residency_flag_change", ("flag",)): "C",
    ("residency_flag_step", ("flag", "confirm")): "C",
    ("residency_flag_step", ("flag", "dismiss")): "C",
    ("invitations_letter_changelist", ()): "LC",
    ("invitations_letter_change", ("version",)): "LC",
    ("invitations_letter_new", ()): "LC",
    ("invitations_letter_words", ("draft", "uk")): "LC",
    ("invitations_letter_preview", ("draft", "uk")): "LC",
    ("invitations_letter_changes", ("draft", "uk")): "LC",
    ("invitations_letter_step", ("draft", "approve")): "L",
    ("invitations_letter_step", ("version", "new-version")): "LC",
    ("invitations_letter_step", ("draft", "try")): "LC",
    ("invitations_letter_step", ("version", "retire-version")): "L",
    ("invitations_letter_step", ("version", "delete")): "LC",
    ("invitations_outgoing_changelist", ()): "LC",
    ("invitations_outgoing_change", ("letter",)): "LC",
    ("invitations_outgoing_unconfirmed", ()): "C",
    ("invitations_outgoing_pause", ()): "LC",
    ("invitations_outgoing_lift", ()): "LC",
    ("invitations_outgoing_failed", ()): "C",
    ("invitations_outgoing_step", ("letter", "once-more")): "C",
    ("invitations_outgoing_step", ("letter", "again")): "C",
    ("invitations_outgoing_step", ("letter", "as-sent")): "C",
    ("releases_release_changelist", ()): "LRV",
    ("releases_release_change", ("release",)): "LRV",
    ("releases_release_ask", ()): "R",
    ("releases_release_file", ("release", "file")): "LV",
    ("releases_release_step", ("release", "approve")): "LV",
    ("releases_release_step", ("release", "reject")): "LV",
    ("invitations_lostcontact_changelist", ()): "LCK",
    ("invitations_lostcontact_change", ("lost",)): "LCK",
    ("invitations_lostcontact_step", ("lost", "accept")): "K",
    ("invitations_lostcontact_step", ("lost", "refuse")): "K",
    ("invitations_lostcontact_step", ("lost", "tried")): "K",
    ("invitations_lostcontact_step", ("lost", "try-address")): "K",
    ("invitations_lostcontact_step", ("lost", "close")): "K",
    ("invitations_replycase_changelist", ()): "K",
    ("invitations_replycase_change", ("reply",)): "K",
    ("invitations_replycase_step", ("reply", "answered")): "K",
    ("invitations_replycase_step", ("reply", "stop")): "K",
    ("invitations_replycase_step", ("reply", "link")): "K",
    ("invitations_replycase_step", ("reply", "address")): "K",
    ("invitations_replycase_step", ("reply", "to-request")): "K",
    ("invitations_replycase_step", ("reply", "nothing")): "K",
    ("rights_request_changelist", ()): "LD",
    ("rights_request_change", ("request",)): "LD",
    ("rights_request_step", ("request", "answer")): "L",
    ("rights_request_step", ("request", "make-copy")): "L",
    ("rights_request_step", ("request", "stop")): "L",
    ("rights_request_step", ("request", "object")): "L",
    ("rights_request_step", ("request", "restrict")): "L",
    ("rights_request_step", ("request", "lift")): "L",
    ("rights_request_step", ("request", "extend")): "L",
    ("rights_request_step", ("request", "close")): "L",
    ("rights_request_step", ("request", "advise")): "D",
    ("rights_outsideitem_changelist", ()): "LCD",
    ("rights_outsideitem_change", ("outside",)): "LCD",
    ("rights_outsideitem_register", ()): "LC",
    ("rights_outsideitem_step", ("outside", "taken-out")): "L",
    ("rights_outsideitem_step", ("outside", "gone")): "LC",
    ("members_study_step", ("study", "retention")): "L",
    ("members_study_step", ("study", "extend")): "L",
    ("members_study_step", ("study", "in-force")): "L",
    ("members_study_step", ("study", "begin-end")): "L",
    ("rights_projectend_changelist", ()): "LD",
    ("rights_projectend_change", ("project end",)): "LD",
    ("rights_projectend_archive", ("project end",)): "L",
    ("rights_projectend_certificate", ("project end",)): "",
    ("rights_projectend_json", ("project end",)): "",
    ("rights_projectend_step", ("project end", "result")): "L",
    ("rights_projectend_step", ("project end", "name-release")): "L",
    ("rights_projectend_step", ("project end", "no-archive")): "L",
    ("rights_projectend_step", ("project end", "archive-again")): "L",
    ("rights_projectend_step", ("project end", "tick-outside")): "L",
    ("rights_projectend_step", ("project end", "link-key")): "L",
    ("rights_projectend_step", ("project end", "rows")): "L",
    ("rights_projectend_step", ("project end", "backups")): "L",
    ("rights_projectend_step", ("project end", "certify")): "L",
    ("consent_consententry_changelist", ()): "LCD",
    ("consent_consententry_words", ("signed",)): "LCD",
    ("consent_consentform_changelist", ()): "LCD",
    ("consent_consentform_change", ("form",)): "LCD",
    ("consent_consentform_upload", ()): "LC",
    ("consent_consentform_words", ("form", "purpose")): "LC",
    ("consent_consentform_preview", ("form", "uk")): "LCD",
    ("consent_consentform_changes", ("form", "uk")): "LCD",
    ("consent_consentform_step", ("form", "approve")): "L",
    ("consent_consentform_step", ("form", "ask")): "L",
    ("consent_consentform_step", ("form", "copy")): "LC",
    ("consent_consentform_step", ("form", "retire")): "L",
    ("consent_consentform_step", ("old form", "discard")): "LC",
    ("rights_reconsentrun_changelist", ()): "LCD",
    ("rights_reconsentrun_change", ("run",)): "LCD",
    ("rights_reconsentrun_step", ("run", "end")): "L",
    ("audit_auditevent_changelist", ()): "D",
    ("audit_auditevent_csv", ()): "D",
    ("keys", ()): "LD",
    ("card", ()): "K",
    ("find", ()): "K",
    ("address", ()): "K",
    ("link", ()): "K",
    ("reply", ()): "K",
    ("pass", ()): "K",
    ("key", ()): "K",
    ("suppress", ()): "LCK",
    ("stop", ()): "LCK",
    ("request", ()): "LCK",
    ("enrol", ()): "LK",
    ("enrol_preview", ("staged",)): "",
}
PUBLIC = {"login", "logout"}
STEPS = [
    row
    for row in MATRIX
    if row[0].endswith(("_step", "_plan", "_ask", "_unconfirmed", "_register", "_upload", "_new"))
]
PAGES = {"card", "find", "stop", "request", "enrol", "address", "suppress", "link", "pass", "key"}
#: Pages that a list or another page leads to.
BESIDE = {"reply"}
#: Steps that would be refused now, even of who may: nothing is held up, a draft, due, or in its turn.
NOT_NOW = {
    (slug,)
    for slug in (
        "reachable", "lift", "make-copy", "in-force", "name-release", "archive-again",
        "refuse", "try-address", "tick-outside", "certify", "new-version", "retire-version", "delete",
    )
}  # fmt: skip
#: Steps that an empty form is enough for.
NO_WORDS = {("approve",), ("close",), ("answered",), ("link",), ("newcomers",)}
names = {"ids": lambda row: f"{row[0]} {'/'.join(row[1])}" if isinstance(row, tuple) else str(row)}


@pytest.fixture
def things(field, release):
    """What stands for the words in the table."""
    letter = Outgoing.objects.filter(state=Outgoing.State.UNCONFIRMED).first()
    version = Letter.objects.get(study=field.study, kind="invitation")
    draft = letter_versions.draft(by=cast.SIGNE, study=field.study, kind="invitation", now=NOW)
    draft.texts.filter(language="nb").delete()  # so that nobody can approve it
    member = field.members[5]
    lost = lost_contacts.open_case(by=cast.SYSTEM, member=member, now=NOW)
    reply = replies.open_case(by=cast.VERA, member=member, way="recorded", received_on=NOW.date(), now=NOW)
    end = ProjectEnd.objects.create(study=field.study, begun_at=NOW, begun_by="liv")  # though a wave is open
    return {
        "study": field.study.pk, "wave": field.wave.pk, "member": field.members[0].pk, "flag": field.flag.pk,
        "lost": lost.pk, "reply": reply.pk, "version": version.pk, "draft": draft.pk,
        "letter": letter.pk, "release": release.pk, "file": release.files.order_by("name")[0].name,
        "staged": uuid4(), "request": field.request.pk, "outside": field.outside.pk,
        "signed": field.signed.sha256, "old form": field.signed.form.pk, "form": field.draft.pk,
        "run": field.run.pk, "project end": end.pk,
    }  # fmt: skip


def address(row, things):
    name, words = row
    return reverse(f"desk:{name}", args=[things.get(word, word) for word in words])


def routes(patterns=None):
    """The names of all routes of the desk."""
    for pattern in urlpatterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern.name


def test_every_route_is_in_the_table():
    assert set(routes()) == {name for name, _words in MATRIX} | PUBLIC


def test_every_step_is_in_the_table():
    steps = {
        (f"{m._meta.app_label}_{m._meta.model_name}_step", s.slug)
        for m, a in desk._registry.items()
        for s in a.steps
    }
    assert steps == {(name, words[1]) for name, words in MATRIX if name.endswith("_step")}


@pytest.mark.parametrize("letter", ALL)
def test_zon_04_who_may_see(at_desk, things, letter):
    client = at_desk(WHO[letter])
    for row, allowed in MATRIX.items():
        got = client.get(address(row, things)).status_code
        if row[0] == "enrol_preview":
            assert got == (404 if letter in "LK" else 403), row
        else:
            assert got in ((200, 302) if letter in allowed else (403, 404)), (row, got)


@pytest.mark.parametrize("letter", ALL)
def test_zon_04_who_may_act(at_desk, things, letter):
    """An empty form of who may is refused for what it lacks, of who may not for who they are."""
    client = at_desk(WHO[letter])
    for row in STEPS + [(name, ()) for name in PAGES | BESIDE]:
        if letter not in MATRIX[row]:
            assert client.post(address(row, things)).status_code in (403, 404), row
        elif row[1][-1:] in NOT_NOW:
            assert client.post(address(row, things)).status_code == 409, row
        elif row[1][-1:] not in NO_WORDS:
            assert client.post(address(row, things)).status_code == 400, row


def test_staff_of_another_study_see_lists_of_their_own_and_no_object(at_desk, things, field):
    client = at_desk(cast.TOR)
    for row in MATRIX:
        got = client.get(address(row, things))
        if set(row[1]) & things.keys():
            assert got.status_code in (403, 404), row
        assert field.members[0].code not in got.text
    for row in STEPS:
        if row[1]:
            assert client.post(address(row, things)).status_code in (403, 404), row


@pytest.mark.parametrize("who", ["nobody", "member of staff without a role", "superuser without a role"])
def test_without_a_role_nobody_comes_in(field, things, who):
    client = Client()
    if who != "nobody":
        User = get_user_model()
        make = User.objects.create_superuser if who.startswith("super") else User.objects.create_user
        client.force_login(make("eve", password="!"))
    for row in MATRIX:
        got = client.get(address(row, things))
        assert (got.status_code, got.url.partition("?")[0]) == (302, reverse("desk:login")), row


def test_a_role_taken_away_closes_the_desk_at_once(field, at_desk, things):
    client = at_desk(cast.SIGNE)
    assert client.get(address(("residency_flag_change", ("flag",)), things)).status_code == 200
    StaffRole.objects.filter(user__username="signe").delete()
    assert client.get(address(("residency_flag_change", ("flag",)), things)).status_code == 302


def test_the_navigation_offers_what_the_pages_allow(field, at_desk):
    members.decide(by=cast.LIV, study=field.study, setting="phone_channel", reason="No e-mail.", now=NOW)
    for letter, actor in WHO.items():
        page = at_desk(actor).get(reverse("desk:index")).text
        for row, allowed in MATRIX.items():
            if row[0].endswith("_changelist") or row[0] in PAGES:
                assert (f'href="{reverse("desk:" + row[0])}"' in page) == (letter in allowed), (letter, row)


def test_what_is_said_by_phone_is_offered_only_where_the_study_has_that_channel(field, at_desk):
    start, offered = reverse("desk:index"), [f'href="{reverse(name)}"' for name in ("desk:pass", "desk:key")]
    page = at_desk(cast.VERA).get(start).text
    assert not any(link in page for link in offered)
    members.decide(by=cast.LIV, study=field.study, setting="phone_channel", reason="No e-mail.", now=NOW)
    page = at_desk(cast.VERA).get(start).text
    assert all(link in page for link in offered)


def test_where_somebody_lives_is_shown_to_who_reviews_flags_only(field, at_desk, things):
    member = address(("members_panelmember_change", ("member",)), things)
    words = ("returned to Ukraine", "no longer live")
    assert all(word in at_desk(cast.SIGNE).get(member).text for word in words)
    assert not any(word in at_desk(cast.LIV).get(member).text for word in words)
