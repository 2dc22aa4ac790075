"""Rows of the solver as vector instructions.

The compiler leaves loops over the species scalar, or vectorises them behind tests for overlapping arrays;
with a row spelt out as LLVM vectors a sweep takes half the time (docs/transport-verification.md). Operations
stand in one written order and are never fused, so the bits do not depend on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Species solved together.
LANES = 16

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INT = ir.IntType(64)


def _instruction(function: Callable[..., Any]) -> Any:
    """Make an intrinsic; its callers give all arguments but the typing context."""
    return intrinsic(function)


class _Rows:
    """The arguments of an intrinsic, seen as arrays whose rows are vectors."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.builder, self.kinds, self.args = context, builder, signature.args, args

    def index(self, k: int) -> Any:
        return self.context.cast(self.builder, self.args[k], self.kinds[k], types.int64)

    def data(self, k: int) -> Any:
        return self.context.make_array(self.kinds[k])(self.context, self.builder, self.args[k]).data

    def pointer(self, k: int, row: Any = None) -> Any:
        data = self.data(k)
        if row is not None:
            data = self.builder.gep(data, [self.builder.mul(row, _INT(LANES))])
        return self.builder.bitcast(data, _VECTOR.as_pointer())

    def load(self, k: int, row: Any = None) -> Any:
        value = self.builder.load(self.pointer(k, row))
        value.align = 8
        return value

    def store(self, value: Any, k: int, row: Any = None) -> None:
        self.builder.store(value, self.pointer(k, row)).align = 8

    def broadcast(self, k: int, i: Any) -> Any:
        b = self.builder
        one = b.insert_element(ir.Constant(_VECTOR, ir.Undefined), b.load(b.gep(self.data(k), [i])), _INT(0))
        return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))

    def incoming(self, x: int, row: Any, b: int) -> Any:
        """Return b[row] + D sum(exchange x) + mobile sum(carried x); arguments follow `b` as in `relax`."""
        first, column, exchange, carried, diffusivity, mobile = range(b + 1, b + 7)
        build = self.builder
        spread, brought = cgutils.alloca_once(build, _VECTOR), cgutils.alloca_once(build, _VECTOR)
        for held in (spread, brought):
            build.store(ir.Constant(_VECTOR, None), held)
        start = build.load(build.gep(self.data(first), [row]))
        stop = build.load(build.gep(self.data(first), [build.add(row, _INT(1))]))
        with cgutils.for_range_slice(build, start, stop, _INT(1), intp=_INT) as (e, _):
            neighbour = build.sext(build.load(build.gep(self.data(column), [e])), _INT)
            there = self.load(x, neighbour)
            for held, k in ((spread, exchange), (brought, carried)):
                build.store(build.fadd(build.load(held), build.fmul(self.broadcast(k, e), there)), held)
        spread = build.fmul(self.load(diffusivity), build.load(spread))
        brought = build.fmul(self.load(mobile), build.load(brought))
        return build.fadd(self.load(b, row), build.fadd(spread, brought))


@_instruction
def relax(
    typingctx: Any,
    x: Any,
    i: Any,
    inverse: Any,
    b: Any,
    first: Any,
    column: Any,
    exchange: Any,
    carried: Any,
    diffusivity: Any,
    mobile: Any,
) -> Any:
    """Gauss-Seidel: ``x[i] = (b[i] + incoming) * inverse[i]``, all arrays [unknowns, LANES].

    ``incoming`` is the sum over e in ``first[i]`` .. ``first[i + 1]`` of
    ``(exchange[e] * diffusivity + carried[e] * mobile) * x[column[e]]``.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = _Rows(context, builder, signature, args)
        i = rows.index(1)
        rows.store(builder.fmul(rows.incoming(0, i, 3), rows.load(2, i)), 0, i)
        return context.get_dummy_value()

    arguments = (x, i, inverse, b, first, column, exchange, carried, diffusivity, mobile)
    return types.void(*arguments), generate


@_instruction
def defect(
    typingctx: Any,
    out: Any,
    x: Any,
    i: Any,
    diagonal: Any,
    b: Any,
    first: Any,
    column: Any,
    exchange: Any,
    carried: Any,
    diffusivity: Any,
    mobile: Any,
) -> Any:
    """Residual: ``out[:] = b[i] + incoming - diagonal[i] * x[i]`` with `incoming` as in `relax`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = _Rows(context, builder, signature, args)
        i = rows.index(2)
        held = builder.fmul(rows.load(3, i), rows.load(1, i))
        rows.store(builder.fsub(rows.incoming(1, i, 4), held), 0)
        return context.get_dummy_value()

    arguments = (out, x, i, diagonal, b, first, column, exchange, carried, diffusivity, mobile)
    return types.void(*arguments), generate
