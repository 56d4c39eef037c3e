"""What a new study's fields must be beyond their types. Pure: no database, and nothing of how a study is kept.

Names and addresses of a study stand in the heads of letters, so that a line break in one would stop the
sending of all of them.
"""

import json
import unicodedata
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from panel.errors import BadInput
from panel.members.models import Study

ONE_LINE = ("slug", "name", "institution", "public_name", "contact_email", "sikt_reference", "dpo_contact")
#: Unicode's categories of control characters, line and paragraph ends, and halves of characters.
NO_TEXT = frozenset({"Cc", "Zl", "Zp", "Cs"})


def check(study: Study) -> None:
    """Refuses languages this service does not speak and texts that are not one line."""
    _check_languages(study.languages, study.default_language)
    for name in ONE_LINE:
        _check_line(name, getattr(study, name))
    if study.how_to_check:
        for sentence in _sentences(study.how_to_check):
            _check_line("how_to_check", sentence)


def _check_languages(languages: Any, default: Any) -> None:
    known = [code for code, _name in settings.LANGUAGES]
    if not isinstance(languages, list) or any(language not in known for language in languages):
        raise BadInput(_("languages must be a list of these: %(known)s.") % {"known": ", ".join(known)})
    if default not in languages:
        raise BadInput(_("The study's default language must be one of its languages."))


def _check_line(name: str, text: Any) -> None:
    if any(unicodedata.category(sign) in NO_TEXT for sign in str(text)):
        raise BadInput(
            _("%(field)s must be one line, without line breaks or control characters.") % {"field": name}
        )


def _sentences(how_to_check: str) -> list[str]:
    try:
        checks = json.loads(how_to_check)
    except (TypeError, ValueError):
        checks = None
    known = dict(settings.LANGUAGES)
    if not isinstance(checks, dict) or not all(
        code in known and isinstance(text, str) for code, text in checks.items()
    ):
        raise BadInput(_("how_to_check must be a JSON object: one sentence for each language, by its code."))
    return list(checks.values())
