"""The example study's questionnaire, as text and as the XLSForm made of it."""
