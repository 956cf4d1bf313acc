"""Decides nothing itself: the problem of slicing, at every report how many RBGs each slice of a cell has."""
