"""Computes what only families on a cellular carrier have, from windows of what the engine records.

| module | computes |
|---|---|
| ``cellular_metrics`` | the metrics that these families register, use of PRBs |
| ``handover`` | handovers, ping-pongs, failures, interruptions (TR 36.839 clause 5.2.1) |
| ``uplink`` | transmit power, interference over thermal |
"""
