"""Filters of the desk's templates; the words are panel/desk/words.py's."""

from django import template

from panel.desk import words

register = template.Library()
register.filter("language_name", words.language)
