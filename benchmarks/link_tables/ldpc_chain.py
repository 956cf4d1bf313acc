"""Simulates the LDPC chain of NR over AWGN: Sionna's encoder, mapper and demapper, rate matching with repetition,
belief propagation.

Sionna's encoder refuses code rates below 1/5 (1/3 in base graph 1). Here it makes the whole codeword and the circular
buffer of TS 38.212 5.4.2.1 is read as often as the coded bits ask for, so that repetition is what the standard does:
the systematic bits come first and are repeated first. The LLRs of a repeated bit are added up before decoding.

The decoder is Sionna's in its algorithm (boxplus in the log-tanh domain, flooding, messages clipped to +-20, pruned
graph) and not in its layout of memory: blocks of a batch are neighbours, edges are sorted by the degree of their check
node, and a block leaves the batch once every bit of its codeword is right, for then every check holds. That makes it
5 to 20 times faster on a CPU; the tests compare decisions with Sionna's decoder.
"""

from __future__ import annotations

import ctypes
import functools
import math
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sionna.phy.fec.ldpc import LDPC5GEncoder
from sionna.phy.mapping import Constellation
from torch import Tensor

Array = NDArray[np.int32]
ITERATIONS = 20
LLR_MAX = 20.0
_HIGHEST_RATE = 0.93  # a short block is rounded to a lower rate beyond; the encoder refuses 0.95
_CHECKPOINTS = (4, 6, 8, 10, 12, 14, 16, 18)  # iterations after which decoded blocks leave the batch


def base_graph(code_block_bits: int, rate: float) -> int:
    """Chooses base graph 1 or 2 of a code block, TS 38.212 7.2.2, with 16 CRC bits up to 3840 bits."""
    small = code_block_bits <= 292 + 16 or rate <= 0.25
    return 2 if small or (code_block_bits <= 3824 + 16 and rate <= 0.67) else 1


def coded_bits(code_block_bits: int, rate: float, order: int) -> int:
    """Computes the coded bits of a code block: whole symbols, the nearest number; one more where the code rate is too
    high.
    """
    symbols = round(code_block_bits / rate / order)
    return order * (symbols + (code_block_bits > _HIGHEST_RATE * symbols * order))


@dataclass(frozen=True)
class Graph:
    """Holds a Tanner graph with edges sorted by degree of the check node, then by check node."""

    variable: Tensor  # [E] variable node of each edge
    groups: tuple[tuple[int, int, int], ...]  # (first edge, number of check nodes, degree)
    by_variable: tuple[tuple[Tensor, Tensor], ...]  # (variable nodes [n], their edges [n, degree])
    check_start: Array  # [C + 1] first edge of each check node
    variable_start: Array  # [V + 1] first entry of each variable node in ``edges``
    edges: Array  # [E] edges by variable node

    def iterate_torch(self, message: Tensor, channel: Tensor) -> Tensor:
        """Computes one flooding iteration; overwrites the messages ``[E, blocks]``, returns the sums
        ``[V, blocks]``.
        """
        for first, count, degree in self.groups:
            part = message[first : first + count * degree].view(count, degree, -1)
            negative = part < 0
            flip = negative ^ (negative.sum(1, keepdim=True) & 1).bool()
            soft = _phi(part.abs_())
            out = _phi(soft.sum(1, keepdim=True) - soft)
            part.copy_(torch.where(flip, -out, out))
        total = channel.clone()
        for nodes, edges in self.by_variable:
            total[nodes] += message[edges.reshape(-1)].view(*edges.shape, -1).sum(1)
        torch.sub(total[self.variable], message, out=message).clamp_(-LLR_MAX, LLR_MAX)
        return total

    def iterate_compiled(self, message: Tensor, channel: Tensor) -> Tensor:
        """Computes one flooding iteration by ``ldpc_kernel.c``."""
        kernel = compiled()
        assert kernel is not None and message.is_contiguous() and message.shape[1] % 16 == 0
        total = torch.empty_like(channel)
        kernel.iterate(
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (message, channel, total)),
            ctypes.c_void_p(self.check_start.ctypes.data), ctypes.c_int(len(self.check_start) - 1),
            ctypes.c_void_p(self.variable_start.ctypes.data), ctypes.c_void_p(self.edges.ctypes.data),
            ctypes.c_int(len(self.variable_start) - 1), ctypes.c_long(message.shape[1]), ctypes.c_float(LLR_MAX),
        )  # fmt: skip
        return total


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """Compiles the kernel into the folder of temporary files; None where there is no gcc."""
    if shutil.which("gcc") is None:
        return None
    library = Path(tempfile.mkdtemp()) / "ldpc_kernel.so"
    source, part = Path(__file__).with_name("ldpc_kernel.c"), library.with_suffix(".o")
    flags = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-fPIC", "-c"]
    # Linked with -ffast-math, the library would flush small numbers to zero in the whole process.
    steps = ([*flags, str(source), "-o", str(part)], ["-shared", str(part), "-o", str(library), "-lm"])
    done = all(subprocess.run(["gcc", *step], capture_output=True).returncode == 0 for step in steps)
    return ctypes.CDLL(str(library)) if done else None


class Chain:
    """Simulates one code block size, code rate and modulation order."""

    def __init__(self, code_block_bits: int, rate: float, order: int, device: str = "cpu", coded: int = 0) -> None:
        """Build the code; ``rate`` is information bits per coded bit, rounded to whole symbols.

        Where so many ``coded`` bits are given, the rate only chooses the base graph, as the MCS's does in NR.
        """
        self.bits, self.order, self.device = code_block_bits, order, device
        self.coded = coded or coded_bits(code_block_bits, rate, order)
        graph = base_graph(code_block_bits, rate)
        least, most = math.ceil(code_block_bits / _HIGHEST_RATE), int(code_block_bits / (0.2 if graph == 2 else 1 / 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.encoder = LDPC5GEncoder(
                code_block_bits, max(least, min(self.coded, most)), bg=f"bg{graph}", device=device
            )
        enc = self.encoder
        ring = torch.cat([torch.arange(2 * enc.z, code_block_bits), torch.arange(enc.k_ldpc, enc.n_ldpc)])
        sent = ring[torch.arange(self.coded) % len(ring)]  # circular buffer without fillers
        self.sent = sent.view(order, -1).T.reshape(-1).to(device)  # bit interleaver, TS 38.212 5.4.2.2
        self.nodes = self._pruned(int(sent.max()) + 1)
        self.graph = _graph(enc.pcm[: self.nodes - enc.k_ldpc, : self.nodes], device)
        fast = device == "cpu" and compiled() is not None
        self.iterate = self.graph.iterate_compiled if fast else self.graph.iterate_torch
        self._pool: Tensor | None = None
        points = Constellation("qam", order, device=device).points
        half = order // 2
        label = torch.arange(2**half, device=device)
        bits = torch.stack([label >> (half - 1 - bit) & 1 for bit in range(half)], -1)  # [levels, bits]
        spread = (bits << (2 * torch.arange(half - 1, -1, -1, device=device) + 1)).sum(-1)  # the bits at even places
        self._levels = points[spread].real
        self._ones = bits.float()
        self._weight = 2.0 ** torch.arange(half - 1, -1, -1, device=device)

    def codewords(self, blocks: int, generator: torch.Generator) -> Tensor:
        """Draws codewords ``[blocks, n_ldpc]`` of zeros and ones, fillers and punctured bits included.

        Drawn with replacement from 64 random ones: what the decoder meets depends on the noise, not on the codeword.
        """
        if self._pool is None:
            enc = self.encoder
            info = torch.randint(0, 2, (64, self.bits), generator=generator, device=self.device).float()
            self._pool = enc._encode_fast(torch.nn.functional.pad(info, (0, enc.k_filler)))[:, :, 0]
        return self._pool[torch.randint(0, 64, (blocks,), generator=generator, device=self.device)]

    def llrs(self, codewords: Tensor, snr: Tensor, generator: torch.Generator) -> Tensor:
        """Computes LLRs of the coded bits ``[blocks, E]``, positive for a one, at linear SNRs that broadcast to the
        symbols.

        Exact, and as Sionna's ``Demapper("app")`` computes them, for each of the two dimensions of the plane apart.
        """
        bits = codewords[:, self.sent].view(len(codewords), -1, self.order // 2, 2).transpose(2, 3)  # [b, s, I/Q, bit]
        place = (bits * self._weight).sum(-1).long()
        variance = 0.5 / snr[..., None] if snr.dim() else 0.5 / snr
        noise = torch.randn(place.shape, generator=generator, device=self.device) * variance.sqrt()
        received = self._levels[place] + noise
        metric = -((received[..., None] - self._levels) ** 2) / (2 * (variance[..., None] if snr.dim() else variance))
        likelihood = (metric - metric.amax(-1, keepdim=True)).exp_()
        least = torch.finfo(torch.float32).tiny
        llr = (likelihood @ self._ones + least).log_() - (likelihood @ (1 - self._ones) + least).log_()
        return llr.transpose(2, 3).reshape(len(codewords), -1)

    def errors(self, snr: Tensor, blocks: int, generator: torch.Generator) -> Tensor:
        """Simulates blocks and returns which are not decoded, bool; ``snr`` is linear and broadcasts to the symbols."""
        words = self.codewords(blocks, generator)
        return self.decode(self.llrs(words, snr, generator), words)

    def decode(self, llr: Tensor, codewords: Tensor, iterations: int = ITERATIONS) -> Tensor:
        """Decodes blocks and returns which keep a wrong information bit after all iterations, bool ``[blocks]``."""
        channel = torch.zeros(self.nodes, len(llr), device=self.device)
        channel.index_add_(0, self.sent, -llr.T.contiguous())  # positive for a zero from here on
        channel[self.bits : self.encoder.k_ldpc] = LLR_MAX
        channel.clamp_(-LLR_MAX, LLR_MAX)
        truth = (codewords[:, : self.nodes].T > 0.5).contiguous()
        left = torch.arange(len(llr), device=self.device)
        left, channel, truth = _lanes(left, channel, truth)
        message = channel[self.graph.variable]
        for iteration in range(1, iterations + 1):
            total = self.iterate(message, channel)
            if iteration in _CHECKPOINTS:
                keep = ((total <= 0) != truth).any(0).nonzero()[:, 0]
                if len(keep) == 0:
                    break
                if len(keep) < 0.8 * len(left):
                    left, message, channel, truth = _lanes(
                        left[keep], message[:, keep], channel[:, keep], truth[:, keep]
                    )
        wrong = torch.zeros(len(llr), dtype=torch.bool, device=self.device)
        wrong[left] = ((total <= 0) != truth)[: self.bits].any(0) if len(keep) else False
        return wrong

    def _pruned(self, reached: int) -> int:
        """Variable nodes that take part: never sent ones of degree one, and their checks, do not (as in Sionna)."""
        degree = np.asarray(self.encoder.pcm.sum(axis=0)).ravel()
        core = int(np.flatnonzero(degree > 1)[-1]) + 1
        return max(core, reached)


def _lanes(left: Tensor, *arrays: Tensor) -> tuple[Tensor, ...]:
    """The blocks in columns, the last repeated until their number is a multiple of 16."""
    more = torch.full((-len(left) % 16,), len(left) - 1, device=left.device)
    index = torch.cat([torch.arange(len(left), device=left.device), more])
    return left[index], *(array[:, index].contiguous() for array in arrays)


def _phi(value: Tensor) -> Tensor:
    """-log(tanh(x / 2)) within the range that float32 can tell; overwrites its argument."""
    power = value.clamp_(8.5e-8, 16.635532).exp_()
    return ((power + 1) / (power - 1)).log_()


def _graph(parity, device: str) -> Graph:  # type: ignore[no-untyped-def]
    """Graph of a parity check matrix (scipy, CSR)."""
    matrix = parity.tocsr()
    degree = np.diff(matrix.indptr)
    checks = np.argsort(degree, kind="stable")
    variable = np.concatenate([matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]] for row in checks])
    groups, first = [], 0
    for size, count in zip(*np.unique(degree, return_counts=True), strict=True):
        groups.append((first, int(count), int(size)))
        first += int(count * size)
    check_start = np.concatenate([[0], np.cumsum(degree[checks])])
    edges = np.argsort(variable, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(variable, minlength=matrix.shape[1]))])
    by_variable = []
    for size in np.unique(np.diff(start)):
        nodes = np.flatnonzero(np.diff(start) == size)
        table = edges[start[nodes][:, None] + np.arange(size)]
        by_variable.append((torch.from_numpy(nodes).to(device), torch.from_numpy(table).to(device)))
    return Graph(
        torch.from_numpy(variable).long().to(device),
        tuple(groups),
        tuple(by_variable),
        check_start.astype(np.int32),
        start.astype(np.int32),
        edges.astype(np.int32),
    )
