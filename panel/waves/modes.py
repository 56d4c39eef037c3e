"""How the answers of a case came in. Data only; who may key them in for somebody is panel/rights'."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    """Who filled the form in."""

    SELF = "self", _("by the respondent")
    ASSISTED = "assisted", _("told by telephone, keyed in by staff")
    PAPER = "paper", _("on paper, keyed in by staff")
