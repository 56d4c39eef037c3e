"""Django's page for a fault, which comes with DEBUG only: where it broke, and nothing of whom it was about."""

from typing import Any

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from panel.logs import masked


class Reporter(ExceptionReporter):
    """No variable, no form; words masked as in the logs. An uploaded file or a card stands in a dozen frames."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        for frame in data.get("frames", []):
            frame["vars"] = []
        return {**data, "filtered_POST_items": []}

    def get_traceback_html(self) -> SafeString:
        return SafeString(masked(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(masked(super().get_traceback_text()))
