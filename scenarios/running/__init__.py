"""Runs scenarios: plans, batches, workers, interrupts."""
