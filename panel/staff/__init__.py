"""Log-ins of staff: who has one, its second factor, how long a session lasts. What a role may do is members'."""
