"""The ledger's own refusals; it stands below the panel, so the border maps them."""


class ConsentError(Exception):
    """Something the ledger will not do; `str()` is the sentence to show, without personal data."""
