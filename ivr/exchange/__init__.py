"""A local switch: calls in real time between phones of this machine and a hotline, by the strict carrier's rules."""
