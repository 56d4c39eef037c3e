"""Consent forms with versioned wording and the append-only ledger; knows a study by an opaque key."""
