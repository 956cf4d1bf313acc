"""Computes what antennas do to a ray: field of an element, of a panel, of a beam, and the codebooks of precoders.

| module | computes | clause |
|---|---|---|
| ``element`` | power pattern of one element and of a tilted column | TR 38.901 7.3, Table 7.3-1 |
| ``panel`` | ports of a panel and their fields towards a direction | TR 38.901 7.3 |
| ``beams`` | gain of fixed and chosen beams of a panel | TR 36.873 8.1, TR 38.802 A.2.1 |
| ``codebook`` | type I single-panel precoders | TS 38.214 5.2.2.2.1 |
"""
