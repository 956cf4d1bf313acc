"""Who decides: one method a file, one folder a family."""
