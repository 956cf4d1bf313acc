"""Lists the keys of scenario files on a cellular carrier that were renamed."""

from __future__ import annotations

from ..renamed import Renamed

RENAMED = Renamed(
    keys={
        "antennas": "mimo",
        "blockage.motion": "blockage.mobility",
        "fading.faded_interferers": "fading.dominant_interferers",
        "mimo.base.downtilt_deg": "mimo.base.mechanical_tilt_deg",
        "mimo.ue.downtilt_deg": "mimo.ue.mechanical_tilt_deg",
        "motion": "channel.update_s for its update_s and mobility_area for its area",
    },
    values={("attachment", "home"): "cell_area"},
)
"""Of both families on a cellular carrier, and of calibrations."""
