"""Compares our channel with the calibration curves of 3GPP: ``fairwave calibrate``.

| module | contains |
|---|---|
| ``settings`` | configurations, their references, and how they are loaded |
| ``measurement`` | coupling gain and geometry of every UE |
| ``beams`` | the same where cells or UEs point beams |
| ``plot`` | the picture beside the reference |
| ``presets`` | configurations by environment (RP-180524) |
"""
