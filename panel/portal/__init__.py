"""What respondents see: pages behind an emailed link, without an account."""
