"""The family of sensor fields: a clock of rounds, batteries instead of rates, life instead of throughput."""
