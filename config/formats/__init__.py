"""How dates are written, by language. Respondents' pages say it in their own words (panel/portal/locale)."""
