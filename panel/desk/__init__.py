"""What coordinators see: the admin site, its start page and its roles."""
