"""release STUDY WAVE --asked-by USER --out DIR: ask for files; with a reviewer, approve and write them."""

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand
from panel.errors import BadInput, Refusal
from panel.members import selectors as members
from panel.members.models import Study
from panel.releases import extracts, services
from panel.releases.models import Release
from panel.waves import selectors as waves
from panel.waves.models import Wave

AT_THE_COMMAND_LINE = "Checked against the checklist, at the command line."
DATA = (".csv", ".parquet")


class Command(ServiceCommand):
    """Without --product: the microdata, and the table of reasons where the wave's form asks for any.

    All or nothing: a refusal of a product that was named, or of the microdata, leaves no release and no file.
    """

    help = "Ask for the release of a wave (0 is the recruitment); with --approved-by, write its files too."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's short name")
        parser.add_argument("wave", help="the wave's name; 0 or its cohort for the recruitment")
        parser.add_argument("--asked-by", required=True, metavar="USER", help="a researcher of the study")
        parser.add_argument(
            "--approved-by", metavar="USER", help="a reviewer of the study, never the same person"
        )
        parser.add_argument("--reason", default=AT_THE_COMMAND_LINE, help="why it is approved")
        parser.add_argument("--product", choices=Release.Product.values, help="A: tables, B: microdata")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where approved files go")

    def act(self, **options: Any) -> Answer:
        study = members.study(options["study"])
        wave = _wave(study, options["wave"])
        now = clock.now()
        with transaction.atomic():
            releases, left_out = self._ask(study, wave, options, now)
            contents = (
                [self._approve(each, options, now) for each in releases] if options["approved_by"] else []
            )
            _write(options["out"], {name: data for files in contents for name, data in files.items()})
        return _answer(study, options["wave"], releases, left_out)

    def _ask(
        self, study: Study, wave: Wave | None, options: dict[str, Any], now: datetime
    ) -> tuple[list[Release], dict[str, str]]:
        by, named = Actor.staff(options["asked_by"]), options["product"]
        if named:
            return [services.ask(by=by, study=study, wave=wave, product=named, now=now)], {}
        tables, microdata = Release.Product.TABLES, Release.Product.MICRODATA
        releases = [services.ask(by=by, study=study, wave=wave, product=microdata, now=now)]
        left_out: dict[str, str] = {}
        if wave is not None and extracts.has_reasons(wave):
            try:
                releases.append(services.ask(by=by, study=study, wave=wave, product=tables, now=now))
            except Refusal as refusal:
                left_out[tables.value] = str(refusal)
        return releases, left_out

    def _approve(self, release: Release, options: dict[str, Any], now: datetime) -> dict[str, bytes]:
        by = Actor.staff(options["approved_by"])
        services.approve(by=by, release=release, reason=options["reason"], now=now)
        asker = Actor.staff(options["asked_by"])
        names = release.files.order_by("name").values_list("name", flat=True)
        return {name: services.open_download(by=asker, release=release, file=name, now=now) for name in names}


def _wave(study: Study, name: str) -> Wave | None:
    """The wave of this name; None for the recruitment, which is called by its number or its cohort."""
    if name == "0" or study.recruitment_records.filter(cohort=name).exists():
        return None
    return waves.wave(study=study, name=name)


def _write(out: Path, files: dict[str, bytes]) -> None:
    """All beside their places first, then each in its place: a full disk leaves no half file."""
    if not files:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".release-", dir=out) as beside:
            for name, data in files.items():
                (Path(beside) / name).write_bytes(data)
            for name in files:
                os.replace(Path(beside) / name, out / name)
    except OSError as error:
        raise BadInput(_("The files can't be written: %(why)s.") % {"why": error.strerror}) from error


def _answer(study: Study, wave: str, releases: list[Release], left_out: dict[str, str]) -> Answer:
    shown = [_shown(release) for release in releases]
    approved = all(release.state == Release.State.APPROVED for release in releases)
    data = {
        "study": study.slug,
        "wave": wave,
        "releases": shown,
        "files": [
            row for release, one in zip(releases, shown, strict=True) for row in _data_files(release, one)
        ],
        "not_released": left_out,
    }
    lines = [
        f"{each['kind']}: {each['state']}, k {each['k']}, {each['suppressed']} suppressed" for each in shown
    ]
    lines += [] if approved else ["Waits for a reviewer; nothing was written."]
    lines += [f"{product}: {why}" for product, why in left_out.items()]
    return Answer(data, lines)


def _shown(release: Release) -> dict[str, Any]:
    told = ("product", "kind", "rows", "k", "suppressed")
    return {
        "id": str(release.pk),
        "state": release.state,
        **{name: release.manifest[name] for name in told},
        "sha256": release.sha256,
    }


def _data_files(release: Release, shown: dict[str, Any]) -> list[dict[str, Any]]:
    """One line a data file, with its own hash; codebook and manifest go along."""
    return [
        {
            "file": name,
            **{field: shown[field] for field in ("product", "rows", "k", "suppressed")},
            "sha256": file["sha256"],
        }
        for name, file in release.manifest["files"].items()
        if name.endswith(DATA)
    ]
