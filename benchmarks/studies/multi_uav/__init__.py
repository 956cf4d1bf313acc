"""Compares GA-MATR with its ablations, with rivals of TorchRL, and with the allocators that follow rules.

| module | does |
|---|---|
| ``train`` | trains every method on several seeds; what is there already is left alone |
| ``rivals`` | IPPO, MAPPO and MADDPG |
| ``report`` | learning curves with intervals, and the paired comparison on fresh drops |
"""
