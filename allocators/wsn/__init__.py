"""Who is cluster head, and who sends to whom."""

from __future__ import annotations

ALLOCATORS = {
    "direct": "allocators.wsn.direct:Direct",
    "leach": "allocators.wsn.leach:Leach",
    "sep": "allocators.wsn.sep:Sep",
    "leach_c": "allocators.wsn.leach_c:LeachC",
    "deec": "allocators.wsn.deec:Deec",
    "heed": "allocators.wsn.heed:Heed",
    "pegasis": "allocators.wsn.pegasis:Pegasis",
    "mte": "allocators.wsn.mte:MinimumTransmissionEnergy",
    "kmeans": "allocators.wsn.kmeans:KMeans",
    "game_learning": "allocators.wsn.game_learning:GameLearning",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.wsn.contract:CHECK"
