"""When humans are on duty: working days, hours by season and by day, and whether a group of agents is there now."""
