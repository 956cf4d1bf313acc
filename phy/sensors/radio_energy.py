"""Computes the energy that a sensor's radio spends on a bit: the first-order model and the one of two slopes.

    transmit: E_elec + eps_fs d^2  up to d0 = sqrt(eps_fs / eps_mp),  E_elec + eps_mp d^4  beyond;  receive: E_elec

Without a second slope it is the first-order model at all distances.

Sources: Heinzelman, Chandrakasan, Balakrishnan, "Energy-efficient communication protocol for wireless microsensor
networks", HICSS 2000 (first order); the same authors, IEEE Trans. Wireless Communications 1(4), 2002 (two slopes).
"""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..settings import STRICT


@dataclass(frozen=True, config=STRICT)
class SensorRadioSettings:
    """Holds the energy of a sensor's radio; the defaults are the model of two slopes."""

    electronics_j_per_bit: float = Field(default=50e-9, ge=0, le=1e-3)
    """Electronics of the transmitter, and of the receiver, for each bit (E_elec)."""
    amplifier_j_per_bit_m2: float = Field(default=10e-12, ge=0, le=1e-6)
    """Amplifier up to the crossover distance, for each bit and square metre (eps_fs)."""
    amplifier_j_per_bit_m4: float | None = Field(default=0.0013e-12, gt=0, le=1e-6)
    """Amplifier beyond the crossover, for each bit and metre to the fourth (eps_mp); null: no second slope."""
    aggregation_j_per_bit: float = Field(default=5e-9, ge=0, le=1e-3)
    """Fusing one bit of one signal into a head's packet (E_DA)."""

    @property
    def crossover_m(self) -> float:
        """Returns the distance in m at which the slopes meet; infinite where there is only one."""
        if self.amplifier_j_per_bit_m4 is None:
            return float("inf")
        return float((self.amplifier_j_per_bit_m2 / self.amplifier_j_per_bit_m4) ** 0.5)


def transmit_j_per_bit(radio: SensorRadioSettings, distance_m2: Tensor) -> Tensor:
    """Computes the energy of sending a bit over a distance whose *square* is given in m^2, of its shape."""
    near = radio.amplifier_j_per_bit_m2 * distance_m2
    if radio.amplifier_j_per_bit_m4 is not None:
        far = radio.amplifier_j_per_bit_m4 * distance_m2 * distance_m2
        near = far.where(distance_m2 >= radio.crossover_m**2, near)
    return near + radio.electronics_j_per_bit
