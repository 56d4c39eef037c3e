"""NO-01, NO-04, LAW-12 at the desk: a study set up, extended, ended step by step; contact data past their day."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from consent.forms import retire_form
from consent.models import ConsentForm
from panel.desk import setup
from panel.invitations import letter_files, readiness
from panel.invitations.models import Letter, LetterText, Outgoing
from panel.members.models import Study, StudyDecision
from panel.members.rules import ROLES, Role
from panel.releases import services as releases
from panel.rights import extension, project_end, retention
from panel.rights.end_rules import Step
from panel.rights.models import EndStep, Message, ProjectEnd, RetentionReport
from panel.vault.models import Card
from panel.waves import services as waves
from tests.desk.conftest import NOW
from tests.factories import cast, fielding, ready
from tests.rights.test_project_end import opened, pair

pytestmark = pytest.mark.django_db
WORDS = {"words_nb": "Lenger.", "words_en": "Longer.", "words_uk": "Довше.", "words_ru": "Дольше."}


def step(study, slug):
    return reverse("desk:members_study_step", args=[study.pk, slug])


def page(study):
    return reverse("desk:members_study_change", args=[study.pk])


# --- setting up (NO-01)


def test_no_01_the_page_says_what_is_missing_and_leads_to_where_it_is_mended(field, at_desk):
    study = field.study
    Study.objects.filter(pk=study.pk).update(sikt_reference="", dpo_contact="")
    StudyDecision.objects.filter(study=study, setting="dpia").delete()
    liv, signe = at_desk(cast.LIV), at_desk(cast.SIGNE)
    shown = liv.get(page(study)).text
    assert "Fill in the reference of Sikt’s assessment." in shown
    assert f'href="{step(study, "setup")}"' in shown
    assert f'href="{step(study, "decide")}"' in shown
    assert "3 things are missing" in liv.get(reverse("desk:index")).text
    assert f'href="{step(study, "decide")}"' not in signe.get(page(study)).text, "the leader decides"
    given = {
        "institution": study.institution, "sikt_reference": "123456", "sikt_assessed_on": "2022-05-02",
        "dpo_contact": "dpo@example.org", "legal_basis": "consent", "ends_on": "2032-12-31",
        "retention_until": "",
    }  # fmt: skip
    assert "Saved." in signe.post(step(study, "setup"), given, follow=True).text
    decided = {"setting": "dpia", "reason": "High risk, measures in place."}
    liv.post(step(study, "decide"), decided)
    assert "Still missing" not in liv.get(page(study)).text
    assert "missing" not in liv.get(reverse("desk:index")).text


def test_no_01_every_gap_there_can_be_leads_somewhere(field, at_desk):
    """A study that lacks everything: each line that its leader can mend has a link that opens."""
    study, liv = field.study, at_desk(cast.LIV)
    Study.objects.filter(pk=study.pk).update(
        institution="", sikt_reference="", sikt_assessed_on=None, ends_on=None, dpo_contact=""
    )
    StudyDecision.objects.filter(study=study).delete()
    Letter.objects.filter(study=study).update(approved_at=None, state="draft")
    retire_form(
        form=ConsentForm.objects.filter(study_key=study.key, status="approved").latest("number"),
        day=NOW.date(),
    )
    study.refresh_from_db()
    found = setup.gaps(study, ROLES[Role.LEADER].verbs)
    assert {gap.what for gap in readiness.missing(study)} >= {*readiness.FIELDS, "dpia", "letters:uk"}
    assert len(found) >= len(readiness.FIELDS) + 5
    for gap in found:
        assert liv.get(gap.url).status_code == 200


def test_no_03_a_linked_file_is_called_personal_data_wherever_it_is_named(field, at_desk):
    liv = at_desk(cast.LIV)
    for address in ("changelist", "register"):
        assert "pseudonymised (personal data)" in liv.get(reverse(f"desk:rights_outsideitem_{address}")).text


def test_no_01_letters_are_read_and_approved_at_the_desk(field, at_desk):
    study = field.study
    Letter.objects.filter(study=study, kind="notice").delete()
    for language in study.languages:
        document = {"language": language, "letters": {"notice": _words(f"{language}.json", "notice")}}
        letter_files.import_letters(by=cast.SIGNE, study=study, document=document, now=NOW)
    shown = at_desk(cast.LIV).get(page(study)).text
    assert LetterText.objects.filter(letter__study=study, letter__kind="notice")[0].subject in shown
    assert "1 letters are approved" in at_desk(cast.LIV).post(step(study, "letters"), follow=True).text
    assert Letter.objects.get(study=study, kind="notice").approved_by == "liv"


def _words(file, kind):
    return ready.json.loads((ready.LETTERS / file).read_text())["letters"][kind]


# --- a later end


def test_no_04_members_are_told_before_the_new_day_is_put_in_force(field, at_desk):
    study, liv = field.study, at_desk(cast.LIV)
    told = study.ends_on
    given = {"ends_on": "2034-06-30", "retention_until": "2034-12-31", **WORDS}
    assert "Members are being told" in liv.post(step(study, "extend"), given, follow=True).text
    assert Message.objects.get(study=study, kind="notice").words["nb"] == "Lenger."
    refused = liv.post(step(study, "in-force"))
    assert (refused.status_code, "still under way" in refused.text) == (409, True)
    assert Study.objects.get(pk=study.pk).ends_on == told
    Outgoing.objects.filter(member__study=study, kind="notice").update(state="sent")
    assert "The new day is in force." in liv.post(step(study, "in-force"), follow=True).text
    study.refresh_from_db()
    assert (str(study.ends_on), str(study.retention_until)) == ("2034-06-30", "2034-12-31")
    assert extension.waiting(study) is None


@pytest.mark.parametrize(
    "wrong", [{"ends_on": "2023-01-01"}, {"ends_on": "2032-12-31"}, {"words_uk": ""}, {"ends_on": ""}]
)
def test_no_04_an_extension_is_later_and_told_in_every_language(field, at_desk, wrong):
    given = {"ends_on": "2034-06-30", "retention_until": "", **WORDS, **wrong}
    assert at_desk(cast.LIV).post(step(field.study, "extend"), given).status_code == 400
    assert not Message.objects.filter(kind="notice").exists()


# --- the end


@pytest.fixture
def closed(field):
    """All waves closed, no letter under way, no request open, nothing outside."""
    waves.close_wave(by=cast.LIV, wave=field.wave, now=NOW)
    Outgoing.objects.exclude(state="sent").update(state="cancelled")
    field.study.requests.update(state="closed")
    field.study.outside.update(gone_on=NOW.date(), gone_by="liv")
    return field


def act(client, end, slug, **given):
    return client.post(reverse("desk:rights_projectend_step", args=[end.pk, slug]), given, follow=True)


def test_no_04_the_whole_way_at_the_desk(closed, release, at_desk):
    study, liv = closed.study, at_desk(cast.LIV)
    refused = liv.post(step(study, "begin-end"), {"typed": "exit"})
    assert (refused.status_code, ProjectEnd.objects.exists()) == (400, False)
    liv.post(step(study, "begin-end"), {"typed": study.name})
    end = ProjectEnd.objects.get()
    here = reverse("desk:rights_projectend_change", args=[end.pk])
    shown = liv.get(here).text
    assert "1. Tell the members what was found" in shown
    assert f"<strong>{Card.objects.count()}</strong> contact cards" in shown, "a dry run"
    assert "pseudonymised (personal data)" in shown
    assert act(liv, end, "result", reason="").status_code == 400
    act(liv, end, "result", reason="The results are in the article.")
    releases.approve(by=cast.RAVN, release=release, reason="Checked.", now=NOW)
    assert "done" in act(liv, end, "name-release", release=str(release.pk)).text
    assert EndStep.objects.get(step="release").counts["release"] == str(release.pk)
    file = SimpleUploadedFile("archive.pem", pair()[1])
    made = liv.post(
        reverse("desk:rights_projectend_archive", args=[end.pk]), {"where": "Sikt", "certificate": file}
    )
    assert "wave_0.csv" in opened(made.content).namelist()
    assert made["Content-Disposition"] == 'attachment; filename="exitnorway-archive.cms"'
    act(liv, end, "tick-outside")
    assert act(liv, end, "link-key", typed="wrong").status_code == 400
    assert "a worker carries it out" in act(liv, end, "link-key", typed=study.name).text
    assert "ordered" in liv.get(here).text
    project_end.carry_out_ordered(now=NOW)
    shown = liv.get(here).text
    assert "<strong>1</strong> destroyed versions" in shown
    assert re.search("<strong>(yes|no)</strong> the index key too", shown)
    assert not re.search(r"<strong>(\[|True|False)", shown), "words, as on the certificate"
    act(liv, end, "rows", typed=study.name)
    project_end.carry_out_ordered(now=NOW)
    act(liv, end, "backups", reason="Purged by the operator today.")
    assert "The project has ended." in act(liv, end, "certify").text
    certificate = liv.get(reverse("desk:rights_projectend_certificate", args=[end.pk])).text
    assert "Purged by the operator today." in certificate
    assert ProjectEnd.objects.get().certificate["audit_head"]["hash"] in certificate
    data = at_desk(cast.DAG).get(reverse("desk:rights_projectend_json", args=[end.pk])).json()
    assert [row["step"] for row in data["steps"]] == [one.value for one in Step]
    assert Card.objects.count() + study.members.count() == 0


def test_no_04_a_step_out_of_turn_is_refused_with_what_comes_first(closed, at_desk):
    end = project_end.begin(by=cast.LIV, study=closed.study, typed=closed.study.name, now=NOW)
    refused = act(at_desk(cast.LIV), end, "rows", typed=closed.study.name)
    assert (refused.status_code, "First comes: Tell the members what was found." in refused.text) == (
        409,
        True,
    )


def test_no_04_an_ended_study_takes_in_nobody_and_plans_nothing(closed, at_desk):
    Study.objects.filter(pk=closed.study.pk).update(ended_at=NOW)
    closed.study.refresh_from_db()
    with pytest.raises(project_end.NotNow):
        cast.people(closed.study, 1, start=90)
    with pytest.raises(project_end.NotNow):
        fielding.planned(closed.study, instrument=closed.wave.instrument, number=7)


# --- retention


def test_law_12_the_leader_orders_at_the_desk_what_the_nightly_job_reported(field, at_desk):
    study, liv = field.study, at_desk(cast.LIV)
    Study.objects.filter(pk=study.pk).update(retention_until=NOW.date() - timedelta(days=1))
    assert step(study, "retention") not in liv.get(page(study)).text
    retention.look(now=NOW)
    assert "past their day" in liv.get(reverse("desk:index")).text
    assert step(study, "retention") in liv.get(page(study)).text
    assert liv.post(step(study, "retention"), {"typed": "x"}).status_code == 400
    assert "Ordered" in liv.post(step(study, "retention"), {"typed": study.name}, follow=True).text
    assert "past their day" not in liv.get(reverse("desk:index")).text
    retention.look(now=NOW)
    assert RetentionReport.objects.get().done_at == NOW
    assert Card.objects.count() < study.members.count()
