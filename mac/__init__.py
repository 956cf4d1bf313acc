"""What time it is, what a decision does, and how well users were served."""
