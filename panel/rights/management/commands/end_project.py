"""`end_project`: the steps of a project's end (NO-04) for an operator, in the name of its project leader.

Without a step it says how far it is. What is for good wants `--typed` with the study's name, and is carried out here at
once; at the desk it is ordered, and a worker does it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import BadInput, NotFound, NotNow
from panel.members import selectors
from panel.members.models import Study
from panel.releases.models import Release
from panel.rights import project_end
from panel.rights.end_rules import ORDER
from panel.rights.models import EndStep, ProjectEnd

Step = EndStep.Step
BEGIN = "begin"


class Command(ServiceCommand):
    """The leader's permission is checked as at the desk."""

    help = "End a project step by step, or say how far its end is."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="the study's short name")
        parser.add_argument("step", nargs="?", choices=[BEGIN, *Step.values], help="none: say how far it is")
        parser.add_argument("--by", metavar="USER", help="user name of the project leader")
        parser.add_argument("--typed", default="", help="the study's name, exactly as it stands")
        parser.add_argument(
            "--reason", default="", help="why a step is left out; of the backups: when purged"
        )
        parser.add_argument("--words", type=Path, help="result: JSON, the words by language")
        parser.add_argument("--release", default="", metavar="ID", help="release: which one it ends with")
        parser.add_argument("--certificate", type=Path, help="archive: the archive's certificate (PEM)")
        parser.add_argument(
            "--out", type=Path, help="archive: where the sealed file is written; never over another"
        )

    def act(self, **options: Any) -> Answer:
        study, step = selectors.study(options["study"]), options["step"]
        if step is None:
            return _status(study)
        if not options["by"]:
            raise WrongCall(_("Say in whose name: --by USER."))
        options |= {"by": Actor.staff(options["by"]), "now": clock.now()}
        if step == BEGIN:
            project_end.begin(by=options["by"], study=study, typed=options["typed"], now=options["now"])
        else:
            ACTS[Step(step)](_end(study), options)
        return _status(study)


def _end(study: Study) -> ProjectEnd:
    found = ProjectEnd.objects.filter(study=study).select_related("study").first()
    if found is None:
        raise NotNow(_("The end of this project has not begun: `manage.py end_project STUDY begin`."))
    return found


def _status(study: Study) -> Answer:
    rows = {row.step: row for row in EndStep.objects.filter(end__study=study)}
    steps = [_told(step, rows.get(step)) for step in ORDER]
    end = ProjectEnd.objects.filter(study=study).first()
    data = {
        "study": study.slug,
        "begun": end is not None,
        "steps": steps,
        "certificate": end.certificate if end else {},
    }
    lines = [f"{row['state']:8} {row['step']:12} {row['name']}" for row in steps]
    return Answer(data, lines)


def _told(step: Step, row: EndStep | None) -> dict[str, Any]:
    state = "open" if row is None else "done" if row.done_at else "ordered"
    return {"step": step.value, "name": str(step.label), "state": state, "counts": row.counts if row else {}}


def _who(options: dict[str, Any]) -> dict[str, Any]:
    return {"by": options["by"], "now": options["now"]}


def _result(end: ProjectEnd, options: dict[str, Any]) -> None:
    words = _object(options["words"]) if options["words"] else {}
    project_end.tell_results(end=end, words=words, reason=options["reason"], **_who(options))


def _object(path: Path) -> dict[str, str]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(_("%(file)s can't be read as JSON.") % {"file": path.name}) from error
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise BadInput(_("%(file)s must hold a JSON object.") % {"file": path.name})
    return given


def _release(end: ProjectEnd, options: dict[str, Any]) -> None:
    found = None
    if options["release"]:
        listed = {str(one.pk): one for one in Release.objects.filter(study=end.study)}
        found = listed.get(options["release"])
        if found is None:
            raise NotFound(_("The study has no such release."))
    project_end.name_release(end=end, release=found, reason=options["reason"], **_who(options))


def _archive(end: ProjectEnd, options: dict[str, Any]) -> None:
    """Written where nothing stands yet, readable by nobody else; the step is done once the file is there."""
    if not options["certificate"]:
        return project_end.leave_archive_out(end=end, reason=options["reason"], **_who(options))
    if not options["out"] or options["out"].exists():
        raise WrongCall(_("Say with --out where the file is written; nothing may stand there yet."))
    try:
        certificate = options["certificate"].read_bytes()
    except OSError as error:
        raise BadInput(_("The certificate can't be read.")) from error
    where = options["reason"] or options["out"].name
    sealed = project_end.make_archive(end=end, certificate=certificate, where=where, **_who(options))
    options["out"].touch(mode=0o600, exist_ok=False)
    options["out"].write_bytes(sealed)
    return None


def _outside(end: ProjectEnd, options: dict[str, Any]) -> None:
    project_end.tick_outside(end=end, **_who(options))


def _for_good(step: Step) -> Callable[[ProjectEnd, dict[str, Any]], None]:
    def act(end: ProjectEnd, options: dict[str, Any]) -> None:
        if not EndStep.objects.filter(end=end, step=step, done_at=None).exists():
            project_end.order(end=end, step=step, typed=options["typed"], **_who(options))
        project_end.carry_out_ordered(now=options["now"])
        if not EndStep.objects.filter(end=end, step=step, done_at__isnull=False).exists():
            raise NotNow(_("It was ordered but not carried out: the log says why. It is tried again."))

    return act


def _backups(end: ProjectEnd, options: dict[str, Any]) -> None:
    project_end.tick_backups(end=end, words=options["reason"], **_who(options))


def _certify(end: ProjectEnd, options: dict[str, Any]) -> None:
    project_end.certify(end=end, **_who(options))


ACTS: dict[Step, Callable[[ProjectEnd, dict[str, Any]], None]] = {
    Step.RESULT: _result,
    Step.RELEASE: _release,
    Step.ARCHIVE: _archive,
    Step.OUTSIDE: _outside,
    Step.LINK_KEY: _for_good(Step.LINK_KEY),
    Step.ROWS: _for_good(Step.ROWS),
    Step.BACKUPS: _backups,
    Step.CERTIFICATE: _certify,
}
