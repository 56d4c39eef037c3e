"""What came of the example's life, as numbers, and whether it is what it must be. Reads only; life.py did it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from panel.audit import selectors as audit
from panel.demo import canary, haystack, people
from panel.demo.life import Life
from panel.invitations.models import LetterKind
from panel.members.models import Study
from panel.residency import selectors as residency
from panel.responses.models import Response
from panel.rights.models import Stop
from panel.vault.rules import tidy_address
from panel.waves import outcomes
from panel.waves import selectors as waves
from panel.waves.models import Wave

LEAVING = (Stop.Rung.LEAVE_KEEP, Stop.Rung.LEAVE_DELETE)
#: Letters, the catcher's list of refused recipients: what the outside world knows of addresses.
OUTSIDE = ("mail", "refused.txt")


def of_wave(wave: Wave, sent: Mapping[str, int]) -> dict[str, Any]:
    """One wave in numbers; `sent` counts its letters by kind."""
    progress, outcome = waves.progress(wave), outcomes.as_json(outcomes.outcome(wave))
    left = Stop.objects.filter(rung__in=LEAVING, asked_at__gte=wave.opens_at, asked_at__lt=wave.closes_at)
    return {
        "name": wave.name,
        "cases": progress.cases,
        "invitations_sent": sent[LetterKind.INVITATION],
        "reminders_sent": sent[LetterKind.REMINDER] + sent[LetterKind.CONTINUE],
        "letters_sent": dict(sorted(sent.items())),
        "completes": progress.completes,
        "partials": progress.partials,
        "withdrawn": left.exclude(state=Stop.State.UNDONE).count(),
        "bounced": progress.bounced,
        **{name: outcome[name] for name in ("dispositions", "groups", "e", "rates")},
    }


def exit_reasons(wave: Wave) -> dict[str, int]:
    """Inside, before disclosure control."""
    return dict(sorted(residency.exit_reasons(wave).items()))


def wants_back(wave: Wave) -> float:
    """The share of those who said what they plan that wants to return when the war ends."""
    plans = [
        answers["return_plan"]
        for answers in Response.objects.filter(case__wave=wave, completed_at__isnull=False).values_list(
            "answers", flat=True
        )
        if answers.get("return_plan", "not_said") != "not_said"
    ]
    return plans.count("war_ends") / len(plans) if plans else 0.0


def make(life: Life, study: Study, releases: list[dict[str, Any]], out: Path) -> dict[str, Any]:
    """summary.json, without its checks."""
    list(life.mailbox.new())  # what came after the last respondent looked counts too
    fielded = list(study.waves.filter(number__in=(1, 2)).order_by("number"))
    return {
        "enrolment": life.enrolled,
        "waves": [of_wave(wave, life.sent[wave.name]) for wave in fielded],
        "residency": residency.summary(study, fielded[0]),
        "exit_reasons": exit_reasons(fielded[0]),
        "wants_back_2024": round(wants_back(fielded[1]), 4),
        "releases": releases,
        "mail": {"delivered": life.mailbox.delivered, "duplicates": life.mailbox.duplicates},
        "audit_chain_holds": audit.verify().ok,
        "canaries_outside_mail": len(leaks(out)),
    }


def checks(summary: dict[str, Any]) -> dict[str, bool]:
    """What must hold, in words; `make demo` fails if one does not."""
    key = json.loads((people.DATA / "survey_2022.key.json").read_text(encoding="utf-8"))
    sent = sum(sum(wave["letters_sent"].values()) for wave in summary["waves"])
    residency_ = summary["residency"]
    return {
        "the file was enrolled as its key says": summary["enrolment"]["outcome"] == key["outcome"]
        and summary["enrolment"]["wave0_answers"] == key["wave0_answers"],
        "each wave was answered": all(w["completes"] > 0 for w in summary["waves"]),
        "every letter marked sent was delivered, and none twice": summary["mail"]["delivered"] >= sent
        and summary["mail"]["duplicates"] == 0,
        "21 left: 15 to Ukraine, 6 elsewhere": (
            residency_["left"], residency_["returned_to_ukraine"], residency_["moved_on"]
        ) == (21, 15, 6),
        "each was flagged and confirmed": residency_["flags_confirmed"] == residency_["flags_raised"] >= 21,
        "their reasons are those of Table 1": summary["exit_reasons"]
        == dict(sorted(people.expected_reasons().items())),
        "in 2024 one in ten wants to return when the war ends": abs(summary["wants_back_2024"] - 0.10) < 0.01,
        "both products were released": {r["product"] for r in summary["releases"]} == {"A", "B"},
        "no released row is alone: k is 6 or more": all(r["k"] >= 6 for r in summary["releases"]),
        "the audit chain holds": summary["audit_chain_holds"],
        "no address, name or number stands outside the mail": summary["canaries_outside_mail"] == 0,
        **of_rates(summary["waves"]),
        **of_plan(summary["planned"]),
        **of_rights(summary["rights"]),
    }  # fmt: skip


def of_rates(waves: list[dict[str, Any]]) -> dict[str, bool]:
    """What must hold of each wave's rates, in words."""
    return {
        "each case has one code, and each rate its numerator and denominator": all(
            sum(wave["dispositions"].values()) == sum(wave["groups"].values()) == wave["cases"]
            and wave["rates"]["RR1"]["numerator"] == wave["completes"]
            and wave["rates"]["RR1"]["denominator"] == wave["cases"] - wave["groups"]["NE"]
            and all(rate["numerator"] <= rate["denominator"] for rate in wave["rates"].values())
            for wave in waves
        )
    }


def of_plan(planned: dict[str, Any]) -> dict[str, bool]:
    """What must hold of the wave with a full plan, in words."""
    change, lost, hours = planned["change"], planned["lost"], planned["hours"]
    kinds = {step.split()[0] for day in planned["days"] for step in day["sent"]}
    return {
        "a dry run foresaw each day's letters by step, to the letter": all(
            day["foreseen"] == day["sent"] for day in planned["days"]
        )
        and kinds == {"pre_notification", "invitation", "reminder", "continue", "thanks"},
        "a moved reminder was shown first, then went on its new day only": change["later"]
        == change["sent_on_the_new_day"] > 0
        and (change["earlier"], change["no_more"], change["newly"]) == (0, 0, 0)
        and change["sent_on_the_old_day"] == 0,
        "nobody was asked twice on one day": planned["a_day"] == 1,
        "all letters paused: none went, all went on when it was lifted": planned["pause"]["waited"] > 0
        and planned["pause"]["sent_meanwhile"] == 0,
        "who chose the evening got each letter in it": hours["in_them"] > 0 and hours["outside"] == 0,
        "notifications found their letters, by class": planned["returned"]
        == {"auto-reply": 1, "hard": 3, "soft": 1},
        "two hard letters open a lost-contact case, one does not, and nothing more goes there": lost["cases"]
        == lost["refused"] + 1
        and lost["written_to"] == 0,
        "what a person wrote was passed on and opened a case": planned["reply"]
        == {"cases": 1, "passed_on": 1},
        "nobody got more survey letters than the limit allows": 0
        < planned["most_letters"]["found"]
        <= planned["most_letters"]["limit"],
    }  # fmt: skip


def of_rights(rights: dict[str, Any]) -> dict[str, bool]:
    """What must hold of the members' rights, in words."""
    at, copy, old = rights["found_at"], rights["copy"], rights["old_vault"]
    reconsent = rights["reconsent"]
    return {
        "a new address was confirmed there and told to the old one; letters go to the new one only": (
            rights["old_address_told"], at["new_address"], at["old_address"],
            reconsent["to_new_address"], reconsent["to_old_address"],
        ) == (True, 1, 0, True, False),
        "a change stopped from the old address changed nothing": (
            at["kept_address"], at["stopped_address"]
        ) == (1, 0),
        "a copy held its reader's own address and answers": copy["own_address"] and copy["own_answers"],
        "a place corrected on the own page was looked at and confirmed": rights["corrected"] == 1,
        "a pause is in force": rights["paused"] == 1,
        "who left kept the coded answers here and has no card": rights["answers_kept"] and at["left"] == 0,
        "who had everything deleted was gone at once; their link opens nothing": rights["erased_at_once"]
        and at["erased"] == 0
        and not rights["erased_link_opens"],
        "yesterday's vault opens with today's keys for all but those who left or moved": old["gone_open"] == 0
        and old["shut"] == old["gone"]
        and old["open"] > 0,
        "yesterday's keystore opens nothing after the night": old["open_with_old_keystore"] == 0,
        "a request made on the phone was answered in time": rights["request"]
        == {"state": "answered", "in_time": True},
        "who said never again is refused in a second file, another is not": rights["second_file"]
        == {"enrolled": 1, "suppressed": 1},
        "new words were asked for and answered, and the run is closed": reconsent["closed"]
        and reconsent["written_to"] > reconsent["answered"] > 0,
        "the journal and the anchors hold": not rights["journal"]["fault"]
        and rights["journal"]["lines"] > 0
        and rights["anchors"]["hold"]
        and rights["anchors"]["noted"] > 0,
    }  # fmt: skip


def leaks(out: Path) -> dict[str, set[str]]:
    """CRY-12 over all addresses, the file's names and phone numbers: place -> what was found there."""
    words: set[str] = {*people.NEW_ADDRESSES}
    for row in people.file_rows():
        address = tidy_address(row["E-post"])
        words |= {address, row["E-post"].strip(), row["Fornavn"].strip(), row["Etternavn"].strip()}
        words |= canary.digits(row["Mobil"].strip())
    words = canary.needles(words)
    return {place: found for place, data in haystacks(out) if (found := canary.found(data, words))}


def haystacks(out: Path) -> Iterator[tuple[str, bytes]]:
    """All that is kept: tables, the broker's and cache's keys, every file of this installation but the mail."""
    yield from haystack.tables()
    yield from haystack.broker(settings.REDIS_URL)
    yield from haystack.files(out, leave_out=OUTSIDE)
