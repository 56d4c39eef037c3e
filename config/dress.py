"""How the desk looks (django-unfold): all served by ourselves (NEV-06). Its navigation is panel/desk/navigation.py."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Gjensyn",
    "SITE_HEADER": "Gjensyn",
    "SITE_SYMBOL": "diversity_3",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["/static/desk/desk.css"],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Second factor and password"), "link": reverse_lazy("mfa_index")},
        ]
    },
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/desk/icon.svg"}],
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .014 200)",
            "100": "oklch(94% .03 200)",
            "200": "oklch(89% .05 201)",
            "300": "oklch(81% .075 203)",
            "400": "oklch(70% .09 206)",
            "500": "oklch(58% .09 210)",
            "600": "oklch(49% .085 214)",
            "700": "oklch(43% .075 216)",
            "800": "oklch(38% .062 218)",
            "900": "oklch(33% .05 220)",
            "950": "oklch(25% .04 222)",
        }
    },
}
