"""The invented example study and its simulated respondents."""
