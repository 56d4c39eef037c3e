"""The journal outside the databases: what a restored backup must not forget (CRY-11)."""
