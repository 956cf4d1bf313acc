"""Computes the SINR of every UE on every PRB, with interference from the PRBs that the other cells use."""

from __future__ import annotations

import torch
from torch import Tensor

from .response import Response


def sinr(response: Response, serving: Tensor, activity: Tensor) -> Tensor:
    """Computes the downlink SINR of each UE if its own cell served it now, ``[B, U, K]`` linear.

        gamma[u,k] = |h[u,s(u),k]|^2 / (1 + sum_{c != s(u)} activity[c,k] |h[u,c,k]|^2)

    Cells without a link of their own are heard at their mean power. A drop has the same bits in every batch.

    Args:
        response: of the links of every UE in one slot, relative to the noise of a PRB.
        serving: ``[B, U]`` int64.
        activity: ``[B, C, K]`` share of full power that each cell spends on each PRB, 0 to 1.
    """
    power, some = response.power(), response.dominant
    own = (serving if some is None else torch.zeros_like(serving))[..., None, None].expand(-1, -1, 1, power.shape[-1])
    others = power.scatter(2, own, 0.0)
    if some is None:
        interference = sum_of_links(others * activity[:, None])
    else:
        cell = some.cell.flatten(1)[..., None].expand(-1, -1, power.shape[-1])
        interference = sum_of_links(others * activity.gather(1, cell).view(power.shape)) + some.interference(activity)
    return power.gather(2, own)[:, :, 0] / (interference + 1.0)


def sum_of_links(power: Tensor) -> Tensor:
    """Computes the sum over links, ``[B, U, K]`` from ``[B, U, J, K]``, by additions of halves.

    The order of the additions is the same for every PRB, batch and number of threads, and rounding errors grow with
    log2 J only.
    """
    while (links := power.shape[2]) > 1:
        half = links // 2
        halves = power[:, :, :half] + power[:, :, half : 2 * half]
        power = halves if links == 2 * half else torch.cat((halves, power[:, :, -1:]), 2)
    return power[:, :, 0]
