"""What one machine needs: Redis, PostgreSQL for tests, mail catcher, supervisor. Nothing for production."""
