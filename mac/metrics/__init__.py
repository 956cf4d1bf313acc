"""Computes how well UEs were served, from one ``xarray.Dataset`` of windows: a number per drop and group of UEs.

| module | computes | source |
|---|---|---|
| ``registry`` | the table of all metrics of a run | - |
| ``windows`` | arrays of a dataset, sums and means over UEs | - |
| ``satisfaction`` | service level agreements, zone of tolerance | arXiv 2307.03867 |
| ``fairness`` | Jain's index, alpha-fair utility | DEC-TR-301; Mo and Walrand 2000 |
| ``throughput`` | rates, energy per bit | - |
| ``delay`` | delays of packets, their quantiles, losses, BLER | - |
| ``stationarity`` | growth of the backlog, its test | - |
| ``small_samples`` | tied and skewed values, exact p-values, drops that a difference needs | Clopper and Pearson 1934 |
| ``precision`` | drops that an interval of a wanted width needs | Stein 1945 |
| ``multiple_tests`` | correction for the number of tests | Holm 1979 |
| ``intervals`` | means over drops, 95 % intervals, paired differences | - |
"""
