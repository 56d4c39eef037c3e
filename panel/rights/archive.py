"""The archive's file: coded answers of those who agreed to archiving, under new numbers, sealed to the archive.

The file joins a person's waves, so it is pseudonymised (personal data), never anonymous (NO-03). It holds no free
text, no code of the panel and nothing of the vault; the numbers are random and kept nowhere, so that after the end
nobody can tell whose row is whose. It isn't stored here: it is handed over once, encrypted to the archive's own
certificate (CMS), which `openssl cms -decrypt` opens.
"""

import csv
import io
import json
import secrets
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from consent import selectors as consent
from consent.models import Purpose
from panel.enrolment.models import RecruitmentRecord
from panel.instruments.coding import Code
from panel.keys import crypto
from panel.members.models import PanelMember, Study
from panel.releases.manifest import sha256
from panel.responses import selectors as responses
from panel.waves.models import Wave

LABEL = "pseudonymised (personal data)"
NUMBER = "person"
#: Every zip has a day; this one says nothing.
NO_DAY = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """The sealed file, and what is in it as counts."""

    sealed: bytes
    counts: dict[str, object]


def agreed(study: Study) -> list[UUID]:
    """Members whose latest word on archiving is a yes, and whose answers may be used."""
    codes = consent.holding(study_key=study.key, subjects=None, purpose=Purpose.ARCHIVE)
    usable = PanelMember.objects.filter(study=study).usable()
    return [pk for pk, code in usable.values_list("pk", "code") if code in codes]


def make(study: Study, *, certificate: bytes) -> Archive:
    """All waves of those who agreed, one table each, with a manifest; sealed to the archive's certificate."""
    people = agreed(study)
    numbers = dict(zip(people, _numbers(len(people)), strict=True))
    tables = {"wave_0.csv": _table(_recruitment(study, numbers))}
    for wave in Wave.objects.filter(study=study).select_related("instrument").order_by("number"):
        rows = [
            (numbers[row.member], row.values)
            for row in responses.coded_rows(wave, partials=True)
            if row.member in numbers
        ]
        tables[f"wave_{wave.number}.csv"] = _table(rows)
    about = {"study": study.slug, "label": LABEL, "persons": len(people)}
    packed = _packed({**tables, "manifest.json": json.dumps(about, indent=1).encode()})
    sealed = crypto.envelope(packed, certificate=certificate)
    counts = {"persons": len(people), "tables": len(tables), "sha256": sha256(sealed), "label": LABEL}
    return Archive(sealed, counts)


def _numbers(how_many: int) -> list[str]:
    """Random and different; nothing leads from them to a member or back."""
    found: set[str] = set()
    while len(found) < how_many:
        found.add(secrets.token_hex(6))
    return list(found)


def _recruitment(study: Study, numbers: Mapping[UUID, str]) -> list[tuple[str, Mapping[str, Code]]]:
    records = RecruitmentRecord.objects.filter(study=study, member__isnull=False)
    found = records.values_list("member", "answers").iterator(chunk_size=2000)
    return [(numbers[member], answers) for member, answers in found if member in numbers]


def _table(rows: Iterable[tuple[str, Mapping[str, Code]]]) -> bytes:
    """Sorted by the random number, so that the order of rows tells nothing."""
    listed = sorted(rows, key=lambda row: row[0])
    columns = list(dict.fromkeys(name for _number, values in listed for name in values))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([NUMBER, *columns])
    writer.writerows([number, *(values.get(name, "") for name in columns)] for number, values in listed)
    return out.getvalue().encode()


def _packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name, NO_DAY), data)
    return out.getvalue()
