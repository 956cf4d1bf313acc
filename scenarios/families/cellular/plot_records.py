"""Names the plots of families on a cellular carrier, without importing what draws them."""

from __future__ import annotations

from ..family import LazyImport, RunPlot

PLOTS = {
    "map": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_map"),
        "Cells (triangles, with the direction of a sector) and UEs of the first drop at its start. A UE of low SINR "
        "needs many PRBs for the same rate.",
        lambda result, dataset: "geometry_db" in dataset.coords,
    ),
    "sinr_cdf": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_sinr_cdf"),
        "SINR with all cells at full power and without fast fading, UEs of all drops at the start: what the radio "
        "leaves to the allocators.",
        lambda result, dataset: "geometry_db" in dataset.coords,
    ),
    "mobility": RunPlot(
        LazyImport("scenarios.families.cellular.plots:plot_mobility"),
        "Ways of some UEs of the first drop, from the dot on; right: the cell that serves each of them. The same for "
        "all allocators.",
        lambda result, dataset: "track_x_m" in dataset.coords,
    ),
}
"""Plots of families on a cellular carrier, by the name of their file."""
