"""Names the new key for each key of a family's scenario files that was renamed; the old key is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Renamed:
    """Holds the keys and values of scenario files that once had another name.

    Attributes:
        keys: old key -> new key, dotted, without the indices of lists; of a section that was split, what each part is
            called.
        values: (key, old value) -> new value.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def key(self, path: Sequence[str]) -> str | None:
        """Finds the new name of an unknown key.

        Args:
            path: keys from the top of the scenario, and indices of lists, which do not count.

        Returns:
            The new dotted key, or None where the key was never known.
        """
        return self.keys.get(_dotted(path))

    def value(self, path: Sequence[str], value: object) -> str | None:
        """Finds the new name of a refused value; None where the value was never known.

        Args:
            path: keys from the top of the scenario, and indices of lists, which do not count.
            value: given for that key.
        """
        return self.values.get((_dotted(path), value)) if isinstance(value, str) else None


def _dotted(path: Sequence[str]) -> str:
    return ".".join(part for part in path if not part.isdecimal())
