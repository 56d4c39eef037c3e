"""Commands of panel.releases."""
