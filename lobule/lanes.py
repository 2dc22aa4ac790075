"""Rows of the solver as vectors: one row holds a number for each species and is worked on as a whole.

Inside kernels ``load(x, i)`` is row i of an array [unknowns, LANES]; rows are added, subtracted and
multiplied with each other, and multiplied by a number. The compiler would leave loops over the species
scalar, or vectorise them behind tests for overlapping arrays; with rows as LLVM vectors a sweep takes half
the time. Operations stand in one written order and are fused only where `add_product` says so, so the bits
do not depend on the processor.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.datamodel import PrimitiveModel
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model
from numpy.typing import NDArray

#: Species solved together.
LANES = 16

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_ZERO = ir.Constant(_VECTOR, None)
_INT, _BYTE = ir.IntType(64), ir.IntType(8)


class RowType(types.Type):
    """A row as numba sees it: a value like a number, held in registers."""

    def __init__(self) -> None:
        super().__init__(name=f"Row({LANES})")


_ROW = RowType()


@register_model(RowType)
class _RowModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def aligned_rows(rows: int) -> NDArray[np.float64]:
    """Return zeros [rows, LANES] that start on a cache line, so that no part of a row lies across two."""
    spare = np.zeros(rows * LANES + 8)
    shift = -spare.ctypes.data % 64 // 8
    return spare[shift : shift + rows * LANES].reshape(rows, LANES)


def _instruction(function: Callable[..., Any]) -> Any:
    """Make an intrinsic; its callers give all arguments but the typing context."""
    return intrinsic(function)


def _element(context: Any, builder: Any, sig: Any, args: Any, row_length: Any) -> Any:
    """Return the address where row args[1] of the array args[0] begins; no negative indices."""
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    index = context.cast(builder, args[1], sig.args[1], types.int64)
    return builder.gep(data, [builder.mul(index, row_length)])


def _broadcast(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))


@_instruction
def load(typingctx: Any, array: Any, i: Any) -> Any:
    """Return row i of a C-contiguous array [unknowns, LANES], or an array [LANES] as row 0."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _element(context, builder, sig, args, _INT(LANES))
        row = builder.load(builder.bitcast(address, _VECTOR.as_pointer()))
        row.align = 8
        return row

    return _ROW(array, i), generate


@_instruction
def store(typingctx: Any, array: Any, i: Any, row: Any) -> Any:
    """Put a row where `load` finds it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _element(context, builder, sig, args, _INT(LANES))
        builder.store(args[2], builder.bitcast(address, _VECTOR.as_pointer())).align = 8
        return context.get_dummy_value()

    return types.void(array, i, _ROW), generate


@_instruction
def prefetch(typingctx: Any, array: Any, i: Any) -> Any:
    """Ask for row i before it is needed; worth it where rows are read in another order than they stand."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = builder.bitcast(_element(context, builder, sig, args, _INT(LANES)), _BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), *[ir.IntType(32)] * 3])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE.as_pointer()], kind)
        for line in range(0, LANES * 8, 64):
            read, keep, data = (ir.IntType(32)(flag) for flag in (0, 3, 1))
            builder.call(ask, [builder.gep(address, [_INT(line)]), read, keep, data])
        return context.get_dummy_value()

    return types.void(array, i), generate


@_instruction
def at(typingctx: Any, array: Any, i: Any, k: Any) -> Any:
    """Return ``array[i, k]`` of a C-contiguous array, without the test for negative indices."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        width = builder.extract_value(context.make_array(sig.args[0])(context, builder, args[0]).shape, 1)
        row = _element(context, builder, sig, args, width)
        return builder.load(builder.gep(row, [context.cast(builder, args[2], sig.args[2], types.int64)]))

    return array.dtype(array, i, k), generate


@_instruction
def zeros(typingctx: Any) -> Any:
    """Return a row of zeros."""
    return _ROW(), lambda context, builder, sig, args: _ZERO


@_instruction
def add_product(typingctx: Any, row: Any, factor: Any, other: Any) -> Any:
    """Return ``row + factor * other``, rounded once; `factor` is a number or a row."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row, factor, other = args
        factor = factor if sig.args[1] == _ROW else _broadcast(builder, factor)
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        fused = builder.module.declare_intrinsic(f"llvm.fma.v{LANES}f64", fnty=kind)
        return builder.call(fused, [factor, other, row])

    return _ROW(_ROW, factor if factor == _ROW else types.float64, _ROW), generate


@_instruction
def above(typingctx: Any, row: Any, limit: Any) -> Any:
    """Return the row with zeros for what is not above `limit`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row, limit = args
        return builder.select(builder.fcmp_ordered(">", row, _broadcast(builder, limit)), row, _ZERO)

    return _ROW(_ROW, types.float64), generate


@_instruction
def reciprocal(typingctx: Any, row: Any) -> Any:
    """Return one over each number, zero for what is not positive."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        inverse = builder.fdiv(ir.Constant(_VECTOR, [1.0] * LANES), args[0])
        return builder.select(builder.fcmp_ordered(">", args[0], _ZERO), inverse, _ZERO)

    return _ROW(_ROW), generate


@infer_global(operator.add)
@infer_global(operator.sub)
@infer_global(operator.mul)
class _Arithmetic(AbstractTemplate):
    key: Any

    def generic(self, args: Any, kws: Any) -> Any:
        left, right = args
        if right == _ROW and (left == _ROW or (self.key is operator.mul and left == types.float64)):
            return signature(_ROW, left, right)
        return None


@lower_builtin(operator.add, RowType, RowType)
def _add(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fadd(*args)


@lower_builtin(operator.sub, RowType, RowType)
def _subtract(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fsub(*args)


@lower_builtin(operator.mul, RowType, RowType)
def _multiply(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fmul(*args)


@lower_builtin(operator.mul, types.Float, RowType)
def _scale(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fmul(_broadcast(builder, args[0]), args[1])
