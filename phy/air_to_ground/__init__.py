"""Computes the channel between a UAV and the ground: line of sight by elevation, path loss, fading, mean rates.

| module | computes | source |
|---|---|---|
| ``settings`` | which model holds, and its parameters | - |
| ``probabilistic_los`` | line of sight and loss of a UAV and a ground user by elevation | Al-Hourani et al. 2014 |
| ``coverage_circle`` | the elevation at which a UAV covers the largest circle | Al-Hourani et al. 2014 |
| ``tr36777`` | line of sight, loss and shadowing of a UAV and a base station | TR 36.777 Tables B-1 to B-3 |
| ``shadowing`` | shadowing of links, correlated in space as either end moves | Gudmundson 1991, waves ours |
| ``rician`` | K-factor by elevation, samples of fading | Azari et al. 2018 |
| ``elevation_table`` | the above by elevation, for compiled loops | - |
| ``mean_rate`` | E log2(1 + gamma abs(h)^2) over Rician fading, from a table | closed integrals |
"""
