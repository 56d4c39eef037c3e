"""Commands of invitations."""
