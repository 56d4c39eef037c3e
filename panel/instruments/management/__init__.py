"""Commands on instruments."""
