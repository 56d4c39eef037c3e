"""The border of the API: a refusal becomes its status (panel/errors.py) and {"detail": sentence}."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from consent.errors import ConsentError
from panel.errors import Refusal, status_of


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's own for its own; None, a 500, for what is no refusal."""
    if isinstance(error, Refusal | ConsentError) and (status := status_of(error)) != 500:
        return Response({"detail": str(error)}, status=status)
    return exception_handler(error, context)
