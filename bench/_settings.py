"""The product's own settings without DEBUG, in which Django keeps the text of each query; for bench/sending.py."""

from config.settings import *  # noqa: F403

DEBUG = False
