"""Who is cluster head, and who sends to whom."""
