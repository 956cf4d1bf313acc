"""Takes steps within a trust region: the exact KL divergence, conjugate gradient, backtracking (TRPO, HATRPO).

Policies are normal with independent components. The divergence of the old policy (mean m, deviation s) from the new one
is sum log(s'/s) + (s^2 + (m - m')^2) / (2 s'^2) - 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Loss = Callable[[], Tensor]
Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TrustRegion:
    """Sets the step; the values are those of HATRPO."""

    most_kl: float = 0.01
    """delta: greatest mean divergence of a step."""
    iterations: int = 10
    """Steps of the conjugate gradient."""
    backtracks: int = 10
    """How often a step is shortened at most."""
    shorten: float = 0.8
    """By what."""
    least_gain: float = 0.5
    """Least share of the expected improvement that must come true."""
    damping: float = 1e-3
    """Added to the diagonal of the Fisher matrix, so that it can be inverted (ours)."""


@dataclass(frozen=True)
class StepTaken:
    """Holds what a step did."""

    accepted: bool
    kl: float
    gain: float  # of the surrogate
    expected: float
    residual: float  # of the conjugate gradient, over the gradient


def kl_divergence(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor], weight: Tensor) -> Tensor:
    """Computes the mean divergence of the new policy from the old one.

    Args:
        old: means ``[..., actions]`` and deviations that broadcast to them.
        new: likewise.
        weight: of each place, ``[...]``: 1, or 0 where an agent no longer acts.
    """
    (mean, deviation), (other, spread) = old, new
    per_action = (spread / deviation).log() + (deviation.square() + (mean - other).square()) / (2 * spread.square())
    return ((per_action - 0.5).sum(-1) * weight).sum() / weight.sum().clamp(min=1.0)


def log_probability(action: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Computes the logarithm of the density of actions, ``[...]`` from ``[..., actions]``."""
    scaled = (action - mean) / deviation
    return (-0.5 * scaled.square() - deviation.log() - 0.5 * math.log(2 * math.pi)).sum(-1)


def parameters_of(module: nn.Module) -> Tensor:
    """Copies all parameters into one vector."""
    return torch.cat([one.detach().reshape(-1) for one in module.parameters()])


def put_parameters(module: nn.Module, values: Tensor) -> None:
    """Writes a vector into the parameters."""
    at = 0
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(values[at : at + one.numel()].view_as(one))
            at += one.numel()


def gradient(loss: Tensor, parameters: Sequence[Tensor], keep: bool = False) -> Tensor:
    """Computes the gradient as one vector; 0 for parameters on which the loss does not depend.

    Args:
        loss: a number.
        parameters: of it.
        keep: the gradient can be differentiated again.
    """
    found = torch.autograd.grad(loss, parameters, create_graph=keep, retain_graph=keep, allow_unused=True)
    parts = [torch.zeros_like(one) if part is None else part for one, part in zip(parameters, found, strict=True)]
    return torch.cat([part.reshape(-1) for part in parts])


def fisher_product(divergence: Loss, module: nn.Module, damping: float) -> Product:
    """Returns the product with the Fisher matrix: the Hessian of the divergence where it is 0, plus damping.

    Args:
        divergence: computes the mean divergence of the module's policy from the one that it has now.
        module: of the policy.
        damping: added to the diagonal.
    """
    parameters = list(module.parameters())
    slope = gradient(divergence(), parameters, keep=True)

    def product(vector: Tensor) -> Tensor:
        found = torch.autograd.grad(slope @ vector, parameters, retain_graph=True, allow_unused=True)
        parts = [torch.zeros_like(one) if part is None else part for one, part in zip(parameters, found, strict=True)]
        return torch.cat([part.reshape(-1) for part in parts]) + damping * vector

    return product


def conjugate_gradient(product: Product, target: Tensor, iterations: int) -> tuple[Tensor, float]:
    """Solves H x = target for a positive definite H.

    Args:
        product: with H.
        target: the right side.
        iterations: at most.

    Returns:
        x, and the norm of the residual over that of the target.
    """
    found, left = torch.zeros_like(target), target.clone()
    direction, size = left.clone(), left @ left
    scale = float(size)
    for _ in range(iterations):
        if float(size) <= 1e-20 * max(scale, 1e-300):
            break
        along = product(direction)
        step = size / (direction @ along)
        found = found + step * direction
        left = left - step * along
        new = left @ left
        direction, size = left + (new / size) * direction, new
    return found, math.sqrt(float(size) / scale) if scale > 0 else 0.0


def take_step(module: nn.Module, surrogate: Loss, divergence: Loss, region: TrustRegion) -> StepTaken:
    """Improves the surrogate within the trust region; the module keeps its parameters where no step is accepted.

    The direction s solves H s = g. The first step is sqrt(2 delta / s'Hs) s, shortened until the divergence is below
    delta, the surrogate improves, and by at least a share of what its slope promises.

    Args:
        module: of the policy.
        surrogate: computes what is to grow.
        divergence: computes the divergence from the policy of now.
        region: of the step.
    """
    before, old = surrogate(), parameters_of(module)
    slope = gradient(before, list(module.parameters()))
    product = fisher_product(divergence, module, region.damping)
    direction, residual = conjugate_gradient(product, slope, region.iterations)
    curvature = float(direction @ product(direction))
    if not curvature > 0:
        return StepTaken(False, 0.0, 0.0, 0.0, residual)
    full = math.sqrt(2 * region.most_kl / curvature) * direction
    promised, share = float(slope @ full), 1.0
    for _ in range(region.backtracks):
        put_parameters(module, old + share * full)
        with torch.no_grad():
            kl, gain = float(divergence()), float(surrogate() - before)
        if kl < region.most_kl and gain > 0 and gain / (share * promised) > region.least_gain:
            return StepTaken(True, kl, gain, share * promised, residual)
        share *= region.shorten
    put_parameters(module, old)
    return StepTaken(False, 0.0, 0.0, promised, residual)
