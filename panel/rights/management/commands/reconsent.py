"""`reconsent`: asks members who agreed to older words to agree to new ones; how far it is; how it ends."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from consent import selectors as consents
from panel import clock
from panel.audit.rules import Actor
from panel.commands import Answer, ServiceCommand, WrongCall
from panel.errors import NotFound
from panel.members import selectors
from panel.members.models import Study
from panel.rights import reconsent
from panel.rights.models import ReconsentRun


class Command(ServiceCommand):
    """Starting and closing is done in the name of a project leader, whose permission is checked."""

    help = "Start a run that asks for new consent, say how far it is, or close it."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=("start", "status", "close"))
        parser.add_argument("--study", required=True, metavar="SLUG")
        parser.add_argument(
            "--by", metavar="USER", help="user name of the project leader, to start and close"
        )
        holds = parser.add_mutually_exclusive_group()
        holds.add_argument(
            "--lift",
            action="store_true",
            help="close: write again to who hasn't answered, by their older words",
        )
        holds.add_argument(
            "--keep", action="store_true", help="close: go on holding the mail of who hasn't answered"
        )

    def act(self, **options: Any) -> Answer:
        study, step = selectors.study(options["study"]), options["step"]
        if step == "status":
            return _told(_last(study))
        if not options["by"]:
            raise WrongCall(_("Say with --by which project leader does it."))
        by, now = Actor.staff(options["by"]), clock.now()
        if step == "start":
            form = consents.current_form(study.key, study.languages)
            if form is None:
                raise NotFound(
                    _("The study has no approved consent form with a letter in all its languages.")
                )
            return _told(reconsent.start(by=by, study=study, form=form, now=now))
        if options["lift"] == options["keep"]:
            raise WrongCall(_("Say what becomes of who hasn't answered: --lift or --keep."))
        return _told(reconsent.close(by=by, run=_last(study), lift=options["lift"], now=now))


def _last(study: Study) -> ReconsentRun:
    """The open run, or else the last one."""
    runs = ReconsentRun.objects.filter(study=study).select_related("study", "form")
    found = runs.order_by("-started_at").first()
    if found is None:
        raise NotFound(_("No run was ever begun in this study."))
    return found


def _told(run: ReconsentRun) -> Answer:
    found = reconsent.coverage(run)
    data = {
        "study": run.study.slug,
        "form": run.form.version,
        "open": run.closed_at is None,
        "holds_lifted": run.lifted,
        "asked": run.asked,
        "written_to": found.total("written_to"),
        "answered": found.total("answered"),
        "waiting": found.total("waiting"),
        "erased_since": found.gone,
        "cohorts": [
            {"cohort": one.name, "asked": one.asked, "written_to": one.written_to, "answered": one.answered}
            for one in found.cohorts
        ],
        "said": {purpose: {"yes": yes, "no": no} for purpose, yes, no in found.said},
    }
    lines = [
        _("Form %(form)s: %(asked)d asked, %(answered)d answered, %(waiting)d not yet.") % data,
        *(f"{one.name}: {one.answered} / {one.asked}" for one in found.cohorts),
    ]
    return Answer(data, lines)
