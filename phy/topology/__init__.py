"""Computes where base stations and UEs are.

| module | computes | clause |
|---|---|---|
| ``sites`` | hexagonal, single and indoor layouts, sectors, wrap-around distances | TR 38.901 7.2, TR 36.814 A.2.1.1 |
| ``users`` | positions of UEs in a cell, in clusters, indoors | TR 38.901 Table 7.2-1 |
"""
