"""Names the new key for each key of scenario files that was renamed; the old key is refused."""

from __future__ import annotations

from collections.abc import Sequence

RENAMED_KEYS: dict[str, str] = {
    "antennas": "mimo",
    "blockage.motion": "blockage.mobility",
    "fading.faded_interferers": "fading.dominant_interferers",
    "mimo.base.downtilt_deg": "mimo.base.mechanical_tilt_deg",
    "mimo.ue.downtilt_deg": "mimo.ue.mechanical_tilt_deg",
    "motion": "channel.update_s for its update_s and mobility_area for its area",
}
"""Old key -> new key, dotted, without the indices of lists; of a section that was split, what each part is called."""

RENAMED_VALUES: dict[tuple[str, str], str] = {("attachment", "home"): "cell_area"}
"""(Key, old value) -> new value."""


def renamed_key(path: Sequence[str]) -> str | None:
    """Finds the new name of an unknown key.

    Args:
        path: keys from the top of the scenario, and indices of lists, which do not count.

    Returns:
        The new dotted key, or None where the key was never known.
    """
    return RENAMED_KEYS.get(_dotted(path))


def renamed_value(path: Sequence[str], value: object) -> str | None:
    """Finds the new name of a refused value; None where the value was never known.

    Args:
        path: keys from the top of the scenario, and indices of lists, which do not count.
        value: given for that key.
    """
    return RENAMED_VALUES.get((_dotted(path), value)) if isinstance(value, str) else None


def _dotted(path: Sequence[str]) -> str:
    return ".".join(part for part in path if not part.isdecimal())
