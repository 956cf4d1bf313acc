"""Decides at every report how many RBGs each slice of a cell has until the next.

- ``equal``: the same for all slices, always.
- ``tractor_expert``: (3, 5, 9) of 17 RBGs for mMTC, URLLC, eMBB, always.
- ``tractor_random``: keep the quotas, or move one RBG between two slices, at random.
- ``tractor_dqn``, ``tractor_tabular``: such moves as a trained network or table says (:mod:`.tractor`).
- ``demand_proportional``: in proportion to what the UEs asked for.
- ``max_weight``: RBG by RBG to the slice with the greatest remaining backlog times rate.
- ``classified_slices``: as another controller, which is told the classes of a traffic classifier
  (:mod:`.traffic_classifier`).
- ``rrm_policy``: dedicated, minimum and maximum ratios of TS 28.541.

``apportionment`` turns proportions into whole RBGs for all of them.
"""

from __future__ import annotations

ALLOCATORS = {
    "equal": "allocators.slicing.equal:Equal",
    "tractor_expert": "allocators.slicing.tractor_expert:TractorExpert",
    "tractor_random": "allocators.slicing.tractor_random:TractorRandom",
    "tractor_dqn": "allocators.slicing.tractor.policy:TractorDqn",
    "tractor_tabular": "allocators.slicing.tractor.policy:TractorTabular",
    "demand_proportional": "allocators.slicing.demand_proportional:DemandProportional",
    "max_weight": "allocators.slicing.max_weight:MaxWeight",
    "classified_slices": "allocators.slicing.traffic_classifier.classified_slices:ClassifiedSlices",
    "rrm_policy": "allocators.slicing.rrm_policy:RrmPolicy",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.slicing.contract:CHECK"
