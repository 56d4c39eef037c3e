"""A wave's plan at the desk: said letter by letter, run dry, changed with the difference shown before it is applied."""

import pytest
from django.urls import reverse

from panel.waves.models import PlanVersion, Wave
from panel.waves.plans import StepKind
from tests.desk.conftest import NOW
from tests.factories import cast, scene

pytestmark = pytest.mark.django_db
DAY = scene.DAY


def step(wave, slug):
    return reverse("desk:waves_wave_step", args=[wave.pk, slug])


def url(wave, name):
    return reverse(f"desk:waves_wave_{name}", args=[wave.pk])


def steps(*rows):
    """Rows of the form: (letter, days) or (letter, days, to)."""
    given = {}
    for number, row in enumerate(rows, start=1):
        for part, value in zip(("kind", "days", "to"), row, strict=False):
            given[f"step{number}_{part}"] = value
    return given


def new(field, **changes):
    given = {
        "study": field.study.pk, "name": "2024", "number": "2", "kind": "survey",
        "instrument": field.wave.instrument.pk, "opens_at": "2024-10-01T10:00", "closes_at": "2024-10-31T23:59",
    }  # fmt: skip
    return {**given, **changes}


def planned(field, client, **changes):
    answer = client.post(reverse("desk:waves_wave_plan"), new(field, **changes))
    assert answer.status_code == 302, answer.context["form"].errors
    return Wave.objects.get(name=changes.get("name", "2024"))


def test_each_letter_is_said_on_a_row_and_the_rest_of_the_rows_are_left(field, at_desk):
    rows = [
        ("pre_notification", "-3"),
        ("invitation", "0"),
        ("reminder", "7"),
        ("continue", "7"),
        ("thanks", "1"),
    ]
    wave = planned(field, at_desk(cast.SIGNE), **steps(*rows), languages="nb, uk")
    assert [(one.kind.value, str(one.days)) for one in wave.planned.steps] == rows
    assert list(wave.planned.sample.languages) == ["nb", "uk"]


def test_a_soft_launch_and_a_lot_are_said_in_people_days_and_per_cent(field, at_desk):
    wave = planned(
        field,
        at_desk(cast.SIGNE),
        reminder_days="7",
        first="2",
        first_days="3",
        first_limit="10",
        at_most="5",
    )
    soft = wave.planned.soft_launch
    assert (soft.first, soft.days, soft.limit, wave.planned.sample.at_most) == (2, 3, 0.1, 5)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (steps(("invitation", "")), "Say on which day"),
        (steps(("thanks", "1")), "lacks its main letter"),
        (steps(("invitation", "0"), ("reminder", "40")), "after the close"),
        ({"cohorts": "1999"}, "no cohort “1999”"),
        ({"but": "2022"}, "no earlier wave “2022”"),
        ({"instrument": ""}, "Choose the questionnaire"),
    ],
)
def test_what_breaks_a_rule_is_said_on_the_form(field, at_desk, wrong, word):
    answer = at_desk(cast.SIGNE).post(reverse("desk:waves_wave_plan"), new(field, **wrong))
    assert answer.status_code == 400
    assert word in answer.text
    assert Wave.objects.count() == 1


def test_a_dry_run_shows_days_languages_and_who_is_left_out_by_code(field, at_desk):
    wave = planned(field, at_desk(cast.SIGNE), reminder_days="7", languages="uk")
    page = at_desk(cast.SIGNE).get(url(wave, "dryrun"))
    assert page.status_code == 200
    assert "<svg" in page.text
    assert "reminder 1" in page.text
    assert "another language" in page.text
    assert "Nobody answers from now on" in page.text
    assert not page.context["hidden"]
    assert "letters to" in at_desk(cast.LIV).get(step(wave, "approve")).text, "before it is approved"


def change(field, client, **changes):
    wave = field.wave
    page = client.get(url(wave, "propose"))
    form = page.context["form"]
    given = {name: "" if form.initial.get(name) is None else form.initial[name] for name in form.fields}
    return client.post(url(wave, "propose"), {**given, **changes})


def test_a_change_shows_its_difference_first_and_is_applied_by_a_leader(field, at_desk):
    signe, liv = at_desk(cast.SIGNE), at_desk(cast.LIV)
    assert change(field, signe).status_code == 400, "nothing is changed"
    last = next(n for n, one in enumerate(field.wave.planned.steps, 1) if one.ordinal == 2)
    assert change(field, signe, **{f"step{last}_days": "16", f"step{last + 1}_days": "16"}).status_code == 302
    page = liv.get(url(field.wave, "versions"))
    assert page.context["differs"]["found"].of("later") > 0
    assert "Apply the change" in page.text
    version = PlanVersion.objects.get(wave=field.wave, state="proposed")
    assert liv.post(step(field.wave, "apply"), {"version": "0" * 32}).status_code == 409, (
        "another than was seen"
    )
    assert liv.post(step(field.wave, "apply"), {"version": version.pk}).status_code == 302
    field.wave.refresh_from_db()
    assert field.wave.reminder_days == [7, 16]
    assert liv.post(step(field.wave, "reject"), {"version": version.pk}).status_code == 409


def test_a_coordinator_drops_and_a_leader_closes_later(field, at_desk):
    signe, liv = at_desk(cast.SIGNE), at_desk(cast.LIV)
    last = next(n for n, one in enumerate(field.wave.planned.steps, 1) if one.ordinal == 2)
    change(field, signe, **{f"step{last}_kind": "", f"step{last + 1}_kind": ""})
    version = PlanVersion.objects.get(wave=field.wave, state="proposed")
    assert signe.post(step(field.wave, "drop"), {"version": version.pk}).status_code == 302
    assert liv.post(step(field.wave, "extend"), {"closes_at": "2023-12-01T12:00"}).status_code == 302
    field.wave.refresh_from_db()
    assert field.wave.closes_at.isoformat() == "2023-12-01T11:00:00+00:00"
    page = signe.get(url(field.wave, "versions")).text
    assert "dropped" in page
    assert "in force" in page


def test_zon_04_who_reviews_no_flags_sees_no_codes_of_a_sample_by_place(field, at_desk):
    """The leader would learn where people live."""
    wave = planned(field, at_desk(cast.SIGNE), reminder_days="", places=["returned"])
    signe, liv = (at_desk(who).get(url(wave, "dryrun")) for who in (cast.SIGNE, cast.LIV))
    codes = [one.code for one in field.members]
    assert any(code in signe.text for code in codes)
    assert not any(code in liv.text for code in codes)
    assert "codes are shown to who reviews residency flags" in liv.text


def test_a_closed_wave_has_no_dry_run(field, at_desk):
    Wave.objects.filter(pk=field.wave.pk).update(status=Wave.Status.CLOSED, closes_at=NOW)
    assert at_desk(cast.SIGNE).get(url(field.wave, "dryrun")).status_code == 409
    assert at_desk(cast.SIGNE).get(url(field.wave, "versions")).status_code == 200


def test_the_form_offers_each_letter_of_a_plan(field, at_desk):
    page = at_desk(cast.SIGNE).get(reverse("desk:waves_wave_plan")).text
    assert all(f'value="{kind}"' in page for kind in StepKind.values)
