"""import_form: a questionnaire from a file."""
