"""All steps of a recurrent layer as one function of its sequence, with a backward pass written by hand.

What does not wait for the state is one matrix product for all steps, forward and backward, and so are the gradients of
the weights; what does is a product and a few operations on what fits into the cache, a step. Autograd, step by step,
would add a gradient of the size of the weights to another at each. Gates stand in the order of ONNX's operators.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def _forget(state: Tensor, mask: Tensor | None) -> Tensor:
    """The state as the layer sees it: without the dropped channels."""
    return state if mask is None else state * mask


class LSTMSteps(torch.autograd.Function):
    """An LSTM: x (t, n, d) -> outputs (t, n, h), and the last hidden and cell state (n, h).

    Gates in the order input, output, forget, cell. Matrix products are of the type of x, gates and cells of that of the
    state. `mask` (n, h) is what the state is multiplied with before each step, if anything.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor, cell: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        (t, n, _), h = x.shape, hidden.shape[1]
        weight, recurrent = weight.to(x.dtype), recurrent.to(x.dtype)
        given, turned = F.linear(x, weight, bias.to(x.dtype)), recurrent.t()
        gates, squashed = cell.new_empty(t, n, 4 * h), cell.new_empty(t, n, h)
        cells, outputs, seen = cell.new_empty(t + 1, n, h), x.new_empty(t, n, h), x.new_empty(t, n, h)
        cells[0] = cell
        for k in range(t):
            seen[k] = _forget(outputs[k - 1] if k else hidden, mask)
            gate, now = gates[k].copy_(given[k]), cells[k + 1]
            gate += seen[k] @ turned
            gate[:, : 3 * h].sigmoid_()
            gate[:, 3 * h :].tanh_()
            torch.mul(gate[:, 2 * h : 3 * h], cells[k], out=now)
            now.addcmul_(gate[:, :h], gate[:, 3 * h :])
            torch.tanh(now, out=squashed[k])
            torch.mul(gate[:, h : 2 * h], squashed[k], out=outputs[k])
        ctx.save_for_backward(x, weight, recurrent, gates, cells, squashed, seen, mask)
        return outputs, outputs[-1].to(cell.dtype), cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, recurrent, gates, cells, squashed, seen, mask = ctx.saved_tensors
        (t, n, h), by_outputs = squashed.shape, given[0]
        by_hidden, by_cell = given[1].clone(), given[2].clone()
        by_gates, step = x.new_empty(t, n, 4 * h), gates.new_empty(n, 4 * h)
        for k in reversed(range(t)):
            inward, outward, forget, new = gates[k].split(h, 1)
            by_hidden += by_outputs[k]
            by_cell += torch.ops.aten.tanh_backward(by_hidden * outward, squashed[k])
            _sigmoid_backward(by_cell * new, inward, grad_input=step[:, :h])
            _sigmoid_backward(by_hidden * squashed[k], outward, grad_input=step[:, h : 2 * h])
            _sigmoid_backward(by_cell * cells[k], forget, grad_input=step[:, 2 * h : 3 * h])
            _tanh_backward(by_cell * inward, new, grad_input=step[:, 3 * h :])
            by_gates[k] = step
            by_hidden = _forget((by_gates[k] @ recurrent).to(step.dtype), mask)
            by_cell *= forget
        flat = by_gates.flatten(0, 1)
        return (
            (flat @ weight).view_as(x), (flat.t() @ x.flatten(0, 1)).to(step.dtype),
            (flat.t() @ seen.flatten(0, 1)).to(step.dtype), _sum(flat).to(step.dtype), by_hidden, by_cell, None,
        )  # fmt: skip


class GRUSteps(torch.autograd.Function):
    """A GRU: x (t, n, d) -> outputs (t, n, h), and the last state (n, h).

    Gates in the order update, reset, candidate; reset multiplies the product of the state with its bias. Types and
    `mask` as in `LSTMSteps`; what the update gate keeps, it keeps of the whole state.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor, candidate_bias: Tensor, hidden: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        (t, n, _), h = x.shape, hidden.shape[1]
        weight, recurrent = weight.to(x.dtype), recurrent.to(x.dtype)
        given, turned = F.linear(x, weight, bias.to(x.dtype)), recurrent.t()
        gates, products = hidden.new_empty(t, n, 3 * h), hidden.new_empty(t, n, h)
        states, seen = hidden.new_empty(t + 1, n, h), x.new_empty(t, n, h)
        states[0] = hidden
        for k in range(t):
            seen[k] = _forget(states[k], mask)
            gate, product = gates[k].copy_(given[k]), seen[k] @ turned
            gate[:, : 2 * h].add_(product[:, : 2 * h]).sigmoid_()
            torch.add(product[:, 2 * h :], candidate_bias, out=products[k])
            gate[:, 2 * h :].addcmul_(gate[:, h : 2 * h], products[k]).tanh_()
            torch.lerp(gate[:, 2 * h :], states[k], gate[:, :h], out=states[k + 1])
        ctx.save_for_backward(x, weight, recurrent, gates, products, states, seen, mask)
        return states[1:].to(x.dtype), states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, recurrent, gates, products, states, seen, mask = ctx.saved_tensors
        (t, n, h), by_outputs = products.shape, given[0]
        by_hidden = given[1].clone()
        by_gates, by_products = x.new_empty(t, n, 3 * h), x.new_empty(t, n, 3 * h)
        step = gates.new_empty(n, 3 * h)
        for k in reversed(range(t)):
            update, reset, new = gates[k].split(h, 1)
            by_hidden += by_outputs[k]
            kept = by_hidden * update
            by_candidate = _tanh_backward(by_hidden - kept, new, grad_input=step[:, 2 * h :])
            _sigmoid_backward(by_hidden * (states[k] - new), update, grad_input=step[:, :h])
            _sigmoid_backward(by_candidate * products[k], reset, grad_input=step[:, h : 2 * h])
            by_gates[k] = step
            by_candidate *= reset  # from here on, of the product
            by_products[k] = step
            by_hidden = kept.add_(_forget((by_products[k] @ recurrent).to(step.dtype), mask))
        flat, turned = by_gates.flatten(0, 1), by_products.flatten(0, 1)
        return (
            (flat @ weight).view_as(x), (flat.t() @ x.flatten(0, 1)).to(step.dtype),
            (turned.t() @ seen.flatten(0, 1)).to(step.dtype), _sum(flat).to(step.dtype),
            _sum(turned[:, 2 * h :]).to(step.dtype), by_hidden, None,
        )  # fmt: skip


def _sum(rows: Tensor) -> Tensor:
    """Sum over the first axis, (n, d) -> (d,), as a product: added up in float32, and five times as fast as `sum`."""
    return (rows.new_ones(1, len(rows)) @ rows)[0]
