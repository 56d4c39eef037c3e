"""Makes the documents that follow from the code: states.md and fields.md. `--check` compares instead of writing.

Run by `make docs`; a test compares, so that they can't fall behind.
"""

import importlib
import os
import sys
from pathlib import Path

import django

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.apps import apps  # noqa: E402

MACHINES = {
    "Questionnaire version": "panel.instruments.rules",
    "Wave": "panel.waves.rules",
    "Outbox row": "panel.invitations.rules",
    "Membership": "panel.members.rules",
    "Stop": "panel.rights.rules",
    "Project's end": "panel.rights.end_rules",
    "Consent form": "consent.rules",
    "Request on rights": "panel.rights.request_rules",
    "Change of address": "panel.rights.address_rules",
    "Residency flag": "panel.residency.rules",
    "Release": "panel.releases.rules",
}


def states() -> str:
    """The transition tables as Mermaid diagrams."""
    parts = ["# States\n\nMade from the transition tables in the code by `make docs`.\n"]
    for title, module in MACHINES.items():
        table = importlib.import_module(module).TRANSITIONS
        arrows = [f"    {a} --> {b}" for a in table for b in sorted(table[a])]
        ends = [f"    {a} --> [*]" for a in table if not table[a]]
        diagram = "\n".join(("```mermaid", "stateDiagram-v2", *arrows, *ends, "```"))
        parts.append(f"## {title}\n\n`{module}.TRANSITIONS`\n\n{diagram}\n")
    return "\n".join(parts)


def fields() -> str:
    """Every field with its class, and every table with its purpose and retention (LAW-01)."""
    parts = ["# Fields and their classes\n\nMade from `class Privacy` of the models by `make docs`.\n"]
    models = [m for m in apps.get_models() if m.__module__.split(".")[0] in {"panel", "consent"}]
    for model in sorted(models, key=lambda m: m._meta.label):
        p = model.Privacy
        rows = "\n".join(f"| {name} | {kind} |" for name, kind in p.classes.items())
        table = f"| field | class |\n|---|---|\n{rows}"
        parts.append(f"## {model._meta.label}\n\nFor: {p.purpose}. Kept: {p.retention}.\n\n{table}\n")
    return "\n".join(parts)


def roles() -> str:
    """What each role may do (ZON-04)."""
    rules = importlib.import_module("panel.members.rules")
    parts = [
        "# Roles\n\nMade from `panel.members.rules.ROLES` by `make docs`. A role is held in one study.\n"
    ]
    parts[0] += "Whoever is no staff of any study opens no page of the desk, a superuser included.\n"
    for card in rules.ROLES.values():
        verbs = "\n".join(f"- {verb.value}" for verb in sorted(card.verbs)) or "- nothing yet"
        parts.append(f"## {str(card.name).capitalize()}\n\n{card.sentence}\n\nMay:\n\n{verbs}\n")
    apart = " and ".join(str(rules.ROLES[role].name) for role in rules.APART)
    parts.append(
        f"## Two people\n\nThe roles {apart} are held by two people: one would see address and status together. A "
        "project leader may decide otherwise, with a reason that is shown on the study's page.\n"
    )
    return "\n".join(parts)


def audit() -> str:
    """Everything that is recorded (AUD-01)."""
    groups = importlib.import_module("panel.audit.verbs").GROUPS
    parts = ["# The audit trail\n\nMade from `panel.audit.verbs.GROUPS` by `make docs`.\n"]
    for group in groups.values():
        rows = "\n".join(f"| `{verb}` | {sentence} |" for verb, sentence in group.verbs.items())
        parts.append(f"## {str(group.name).capitalize()}\n\n| event | what it says |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


DOCUMENTS = {"roles.md": roles, "audit.md": audit, "states.md": states, "fields.md": fields}


def main() -> int:
    """Writes the documents, or with --check says which are stale (exit status 1)."""
    stale = []
    for name, make in DOCUMENTS.items():
        path, text = HERE / name, make()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if stale and "--check" in sys.argv:
        print("Out of date, run `make docs`: " + ", ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
