"""Computes which cell serves each UE over time.

| module | computes | clause |
|---|---|---|
| ``settings`` | - : ``HandoverSettings``, ``MeasurementSettings`` | TS 38.331 6.3.2 |
| ``a3`` | entering and leaving conditions, time to trigger, radio link failure | TS 38.331 5.5.4.4, 5.3.10 |
| ``measurements`` | filtered RSRP | TS 38.331 5.5.3.2 |
| ``serving_plan`` | serving cells of a whole run | - |
"""
