"""Triggers that keep approved forms as they were in the database itself (LAW-02, NO-02), for migrations.

A draft may be written in; from its approval on no word, version or hash changes, and only its retirement follows.
"""

from typing import Any

from django.db.migrations import RunPython

FORMS = "consent_consentform"
WORDS = ("consent_consenttext", "consent_informationblock")
MESSAGE = "approved words are frozen"

NOT_A_DRAFT = "EXISTS (SELECT 1 FROM consent_consentform WHERE id = {row}.form_id AND status <> 'draft')"
#: What an approved form's row may not become: only approved to retired, with its day, is left.
THAWED = """OLD.status <> 'draft' AND (
    NEW.status = 'draft' OR (OLD.status = 'retired' AND NEW.status <> 'retired')
    OR NEW.id <> OLD.id OR NEW.study_key <> OLD.study_key OR NEW.version <> OLD.version
    OR NEW.sha256 <> OLD.sha256 OR NEW.approved_by <> OLD.approved_by
    OR NEW.approved_on IS NULL OR NEW.approved_on <> OLD.approved_on)"""

#: verb -> the rows whose form decides
TOUCHED = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def freeze_approved() -> RunPython:
    """The migration operation: from here on the database refuses to change what was approved."""
    return RunPython(_freeze, _thaw)


def _conditions() -> list[tuple[str, str, str]]:
    """(table, verb, when it is refused)"""
    words = [
        (table, verb, " OR ".join(NOT_A_DRAFT.format(row=row) for row in rows))
        for table in WORDS
        for verb, rows in TOUCHED.items()
    ]
    return [*words, (FORMS, "UPDATE", THAWED), (FORMS, "DELETE", "OLD.status <> 'draft'")]


def _freeze(_apps: Any, editor: Any) -> None:
    sqlite = editor.connection.vendor == "sqlite"
    for table, verb, condition in _conditions():
        name = f"{table}_frozen_{verb.lower()}"
        if sqlite:
            statements = [
                f'CREATE TRIGGER "{name}" BEFORE {verb} ON "{table}" WHEN {condition} '
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            ]
        else:
            row = "OLD" if verb == "DELETE" else "NEW"
            statements = [
                f'CREATE OR REPLACE FUNCTION "{name}_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
                f"IF {condition} THEN RAISE EXCEPTION '{MESSAGE}' "
                f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$",
                f'CREATE TRIGGER "{name}" BEFORE {verb} ON "{table}" '
                f'FOR EACH ROW EXECUTE FUNCTION "{name}_refuse"()',
            ]
        for statement in statements:
            editor.execute(statement, params=None)


def _thaw(_apps: Any, editor: Any) -> None:
    sqlite = editor.connection.vendor == "sqlite"
    for table, verb, _condition in _conditions():
        name = f"{table}_frozen_{verb.lower()}"
        editor.execute(
            f'DROP TRIGGER IF EXISTS "{name}"'
            if sqlite
            else f'DROP FUNCTION IF EXISTS "{name}_refuse"() CASCADE',
            params=None,
        )
