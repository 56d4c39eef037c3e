"""Invented people for the vault's tests."""

from panel.vault.rules import ContactData


def card(number: int, **changes: str | None) -> ContactData:
    """One of many."""
    values: dict[str, str | None] = {
        "code": f"CODE{number:05}",
        "email": f"person{number}@example.org",
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "phone": None,
    }
    return ContactData(**{**values, **changes})  # type: ignore[arg-type]


def cards(number: int) -> list[ContactData]:
    return [card(i) for i in range(number)]
