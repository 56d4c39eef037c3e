"""What a copy says: the parts a person reads first, in their language, and then every row as it is stored.

Which rows there are is holdings.py's; how a page looks is the portal's. Everything here is plain values.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from consent import selectors as consent
from consent.models import ConsentEntry, ConsentText
from panel.audit.rules import Actor
from panel.enrolment.models import RecruitmentRecord
from panel.instruments.questionnaire import Item, Questionnaire, Texts, Value
from panel.instruments.selectors import questionnaire
from panel.members.models import PanelMember, Study
from panel.responses.models import Response
from panel.rights import selectors
from panel.rights.holdings import records
from panel.vault import services as vault

FORMAT = "gjensyn-copy/1"
REASON = "a copy for the member"


def collect(member: PanelMember, *, by: Actor, now: datetime) -> dict[str, Any]:
    """Everything held of a member. Opens their card, with its audit row; must run in a worker."""
    return {
        "format": FORMAT,
        "made_on": timezone.localdate(now).isoformat(),
        "language": member.language,
        "about": _about(member),
        "contact": _contact(member, by, now),
        "consents": [_consent(entry) for entry in _ledger(member)],
        "first_questionnaire": _first(member),
        "surveys": [_survey(one, member.language) for one in _responses(member)],
        "messages": [
            {"day": timezone.localdate(one.made_at).isoformat(), "text": one.text(member.language)}
            for one in selectors.messages_for(member)
        ],
        "records": {
            model._meta.label: {
                "purpose": model.Privacy.purpose,  # type: ignore[attr-defined]
                "kept": model.Privacy.retention,  # type: ignore[attr-defined]
                "rows": rows,
            }
            for model, rows in records(member)
        },
    }


def _about(member: PanelMember) -> dict[str, Any]:
    """What GDPR 15 asks beside the data: who is responsible, on which basis, for whom, how long."""
    study: Study = member.study
    outside = selectors.left_outside(member.code)
    return {
        "study": study.public_name,
        "responsible": study.institution,
        "contact": study.contact_email,
        "data_protection_officer": study.dpo_contact,
        "legal_basis": study.legal_basis,
        "sikt_reference": study.sikt_reference,
        "recipients": [
            {"kind": "staff", "holder": study.institution},
            *({"kind": one.item.kind, "holder": one.item.holder} for one in outside),
        ],
        "kept_until": study.retention_until.isoformat() if study.retention_until else "",
        "project_ends": study.ends_on.isoformat() if study.ends_on else "",
        "complaints_to": "Datatilsynet",
    }


def _contact(member: PanelMember, by: Actor, now: datetime) -> dict[str, str]:
    """Name, address and telephone number; nothing where the card is deleted."""
    cards = vault.open_cards([member.code], by=by, reason=REASON, now=now, study=member.study.slug)
    card = cards.get(member.code)
    if card is None:
        return {}
    return {
        "first_name": card.first_name,
        "last_name": card.last_name,
        "email": card.email,
        "phone": card.phone or "",
    }


def _ledger(member: PanelMember) -> Iterable[ConsentEntry]:
    return consent.history(study_key=member.study.key, subject=member.code)


def _consent(entry: ConsentEntry) -> dict[str, str]:
    """One line of the ledger with the exact words it was given to (LAW-02)."""
    texts = ConsentText.objects.filter(
        form__study_key=entry.study_key, form__version=entry.form_version, sha256=entry.text_sha256
    )
    text = texts.filter(language=entry.language).first() if entry.text_sha256 else None
    return {
        "purpose": entry.purpose,
        "action": entry.action,
        "day": entry.day.isoformat(),
        "words": text.body if text else "",
    }


# --- answers


def _responses(member: PanelMember) -> Iterable[Response]:
    found = Response.objects.filter(case__member=member).select_related("instrument")
    return found.order_by("started_at")


def _survey(response: Response, lang: str) -> dict[str, Any]:
    """Questions and answers as they were shown; an answer that no question asks for any more is there too."""
    q = questionnaire(response.instrument)
    known = {item.name: item for item in q.items()}
    return {
        "started_on": timezone.localdate(response.started_at).isoformat(),
        "finished_on": timezone.localdate(response.completed_at).isoformat() if response.completed_at else "",
        "answers": [
            {
                "name": name,
                "question": _words(known[name].labels, q, lang) if name in known else name,
                "answer": _answer(known.get(name), value, q, lang),
            }
            for name, value in response.answers.items()
        ],
    }


def _answer(item: Item | None, value: Value, q: Questionnaire, lang: str) -> str:
    given = value if isinstance(value, list) else [str(value)]
    labels = {choice.code: _words(choice.labels, q, lang) for choice in q.options(item)} if item else {}
    return "; ".join(labels.get(code) or code for code in given)


def _words(texts: Texts, q: Questionnaire, lang: str) -> str:
    return texts.get(lang) or texts.get(q.default_language, "")


def _first(member: PanelMember) -> list[dict[str, str]]:
    """The answers of the recruitment, with the study's own labels."""
    record = RecruitmentRecord.objects.filter(member=member).first()
    if record is None:
        return []
    items: Mapping[str, Any] = member.study.recruitment.get("items", {})
    return [_recruited(items.get(name, {}), name, value, member) for name, value in record.answers.items()]


def _recruited(item: Mapping[str, Any], name: str, value: object, member: PanelMember) -> dict[str, str]:
    code = item.get("codes", {}).get(str(value), {})
    return {
        "name": name,
        "question": _label(item, member) or name,
        "answer": _label(code, member) or str(value),
    }


def _label(described: Mapping[str, Any], member: PanelMember) -> str:
    """The study's label in the member's language, else in English, else in whatever there is."""
    labels: Mapping[str, str] = described.get("labels", {})
    return labels.get(member.language) or labels.get("en") or next(iter(labels.values()), "")
