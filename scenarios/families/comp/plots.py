"""Draws outages of UEs in CoMP markets."""
