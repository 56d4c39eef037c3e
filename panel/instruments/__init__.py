"""Questionnaires (XLSForm), versions, languages, routing."""
