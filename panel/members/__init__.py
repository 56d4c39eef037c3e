"""Studies, panel members, membership status, holds, staff roles per study."""
