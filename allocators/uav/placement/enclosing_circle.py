"""Computes the smallest circle around points, exactly, for many sets of points at once.

Problems of this kind have a basis of at most three points. From a basis, the point farthest outside of its circle is
added, and the smallest circle around these four points has the next basis; its radius grows in every step, so that the
iteration ends (Gaertner, "Fast and robust smallest enclosing balls", ESA 1999, in the plane). U users.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = 1000  # never reached: the radius grows in every step
_SLACK = 1e-12  # relative, of squared distances
_BASES = ((0, 3, 3), (1, 3, 3), (2, 3, 3), (0, 1, 3), (0, 2, 3), (1, 2, 3))  # of four points, with the new one


def enclosing_circle(point_m: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Computes centre ``[sets, 2]`` and radius ``[sets]`` of the smallest circle around the members of each set.

    Args:
        point_m: float64 ``[sets, U, 2]``.
        member: points that count, bool ``[sets, U]``; without any the radius is 0.
    """
    first = member.to(torch.uint8).argmax(1)[:, None, None].expand(-1, -1, 2)
    basis = point_m.gather(1, first).expand(-1, 3, -1)
    centre, squared = basis[:, 0], torch.zeros_like(point_m[:, 0, 0])
    for _ in range(_STEPS):
        away = (point_m - centre[:, None]).square().sum(-1)
        most, far = torch.where(member, away, -1.0).max(1)
        outside = most > squared * (1.0 + _SLACK) + _SLACK
        if not bool(outside.any()):
            break
        four = torch.cat((basis, point_m.gather(1, far[:, None, None].expand(-1, -1, 2))), 1)
        new = _smallest(four)
        basis = torch.where(outside[:, None, None], new[0], basis)
        centre = torch.where(outside[:, None], new[1], centre)
        squared = torch.where(outside, new[2], squared)
    return centre, squared.sqrt()


def _smallest(four: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the basis, centre and squared radius of the smallest circle around four points, the last on its border."""
    bases = four[:, torch.tensor(_BASES)]  # [sets, bases, 3, 2]
    centre = _circumcentre(bases)
    squared = (bases[:, :, 2] - centre).square().sum(-1)
    away = (four[:, None] - centre[:, :, None]).square().sum(-1).amax(-1)
    fits = away <= squared * (1.0 + _SLACK) + _SLACK
    best = torch.where(fits, squared, torch.inf).argmin(1)
    row = torch.arange(len(four))
    return bases[row, best], centre[row, best], squared[row, best]


def _circumcentre(three: Tensor) -> Tensor:
    """Computes the centre of the smallest circle through three points, the last two of which may be equal.

    Points on a line have none, and get one at infinity.
    """
    b, c = three[..., 1, :] - three[..., 0, :], three[..., 2, :] - three[..., 0, :]
    bb, cc = b.square().sum(-1), c.square().sum(-1)
    cross = 2.0 * (b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0])
    x = (c[..., 1] * bb - b[..., 1] * cc) / cross
    y = (b[..., 0] * cc - c[..., 0] * bb) / cross
    flat = (cross.abs() <= 1e-12 * torch.maximum(bb, cc)) | ~torch.isfinite(x + y)
    round_it = three[..., 0, :] + torch.stack((x, y), -1)
    pair = (b == c).all(-1)
    middle = 0.5 * (three[..., 0, :] + three[..., 2, :])
    away = torch.where(pair[..., None], middle, torch.full_like(middle, 1e150))
    return torch.where((flat | pair)[..., None], away, round_it)
