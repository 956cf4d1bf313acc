"""Writes a result as one page of HTML."""
