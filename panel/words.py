"""What people type that is kept: a reason. No rule of any step, and no answer of a respondent."""

from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput
from panel.logs import masked


def reason(text: str) -> str:
    """A reason as it is kept: there, without blanks around it and without anybody's address or number."""
    if not text.strip():
        raise BadInput(_("Give a reason: whoever looks at this later will need it."))
    return masked(text.strip())
