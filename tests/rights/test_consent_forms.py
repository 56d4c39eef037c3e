"""Who may draft and approve a form, its audit rows, and the example's own letter (NO-02, LAW-02)."""

import re
from typing import Any

import pytest

from consent import forms as low
from consent import selectors as consents
from consent.errors import ConsentError
from consent.models import Block, ConsentForm
from consent.rules import LANGUAGES
from panel.audit.models import AuditEvent
from panel.errors import NotAllowed
from panel.members.models import Study
from panel.rights import consent_forms as forms
from tests.consent.documents import whole_document
from tests.factories import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
EXAMPLE = cast.data("consent_2022-07-01.json")


@pytest.fixture
def study() -> Study:
    return cast.study()


def drafted(study: Study, by=cast.SIGNE, version: str = "2024-03-01") -> ConsentForm:
    return forms.draft(by=by, study=study, document=whole_document(version), now=NOW)


def told(verb: str) -> list[tuple[str, str, Any]]:
    return list(AuditEvent.objects.filter(verb=verb).values_list("actor", "subject", "detail"))


def every_step(study: Study, form: ConsentForm) -> dict[str, Any]:
    """Each step of a form's life, as somebody would take it."""
    return {
        "draft": lambda by: forms.draft(by=by, study=study, document=whole_document("next"), now=NOW),
        "copy": lambda by: forms.new_version(by=by, study=study, form=form, version="next", now=NOW),
        "block": lambda by: forms.write_block(
            by=by, study=study, form=form, block="end", bodies={"nb": "Slutt\n\nDa"}, now=NOW
        ),
        "question": lambda by: forms.write_question(
            by=by, study=study, form=form, purpose="quote", bodies={"nb": "Sitere?"}, now=NOW
        ),
        "discard": lambda by: forms.discard(by=by, study=study, form=form, now=NOW),
        "approve": lambda by: forms.approve(by=by, study=study, form=form, now=NOW),
        "retire": lambda by: forms.retire(by=by, study=study, form=form, now=NOW),
        "import": lambda by: forms.import_signed(by=by, study=study, document=whole_document("old"), now=NOW),
    }


VERBS = {
    "draft": "form.drafted", "copy": "form.drafted", "block": "form.written", "question": "form.written",
    "discard": "form.discarded", "approve": "form.approved", "retire": "form.retired",
    "import": "form.imported",
}  # fmt: skip


@pytest.mark.parametrize("step", VERBS)
def test_zon_04_leader_and_coordinator_draft_and_the_leader_alone_approves(study, step):
    form = drafted(study)
    if step == "retire":
        forms.approve(by=cast.LIV, study=study, form=form, now=NOW)
    act = every_step(study, form)[step]
    refused = [cast.VERA, cast.INES, cast.RAVN, cast.DAG, cast.TOR]
    refused += [cast.SIGNE] if step in {"approve", "retire", "import"} else []
    for by in refused:
        with pytest.raises(NotAllowed):
            act(by)
    before = len(told(VERBS[step]))
    act(cast.LIV)
    assert len(told(VERBS[step])) == before + 1


@pytest.mark.parametrize("step", VERBS)
def test_a_step_whose_audit_row_breaks_keeps_nothing(study, step, monkeypatch):
    form = drafted(study)
    if step == "retire":
        forms.approve(by=cast.LIV, study=study, form=form, now=NOW)

    def rows():
        held = ConsentForm.objects.filter(study_key=study.key).order_by("number")
        return [(one.status, one.writers, low.hash_of(one)) for one in held]

    def broken(**_given: Any) -> None:
        raise RuntimeError("broken")

    before = rows()
    monkeypatch.setattr(forms.audit, "record", broken)
    with pytest.raises(RuntimeError):
        every_step(study, form)[step](cast.LIV)
    assert rows() == before


def test_nobody_approves_what_they_wrote_even_as_the_only_leader(study):
    form = drafted(study, by=cast.LIV)
    with pytest.raises(ConsentError, match="another project leader"):
        forms.approve(by=cast.LIV, study=study, form=form, now=NOW)
    other = drafted(study, version="other")
    approved = forms.approve(by=cast.LIV, study=study, form=other, now=NOW)
    assert told("form.approved") == [("liv", "other", {"sha256": approved.sha256})]


# --- the example's letter


def test_no_02_the_example_has_a_letter_with_every_block_that_can_be_approved(study):
    form = forms.draft(by=cast.SIGNE, study=study, document=EXAMPLE, now=NOW)
    forms.approve(by=cast.LIV, study=study, form=form, now=NOW)
    assert consents.current_form(study.key, study.languages) == form
    assert len({text.question for text in form.texts.all()}) == 5


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_02_the_example_says_what_it_must(lang):
    letter = {block: EXAMPLE["letter"][block][lang] for block in Block.values}
    facts = cast.data("study.json")
    assert "UDI" in letter["no_effect"]
    assert "datatilsynet.no" in letter["complaint"]
    assert facts["contact_email"] in letter["contacts"]
    assert facts["dpo_contact"] in letter["contacts"]
    assert facts["institution"] in letter["responsible"]
    assert facts["ends_on"][:4] in letter["end"]
    assert re.search(r"artikkel|article|стаття|статья", letter["legal_basis"])
    assert all(email.endswith(".example.org") for email in re.findall(r"\S+@\S+", " ".join(letter.values())))
