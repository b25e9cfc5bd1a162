//===-- DimEvaluator.cpp - Dimensions as expressions of argument shapes ---===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DimEvaluator.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace hipfuse {

DimEvaluator::DimEvaluator(func::FuncOp func)
    : func(func), context(func.getContext()) {
  for (Type type : func.getArgumentTypes()) {
    firstSymbol.push_back(numSymbols);
    numSymbols += cast<ShapedType>(type).getRank();
  }
}

AffineExpr DimEvaluator::constant(int64_t value) {
  return getAffineConstantExpr(value, context);
}

AffineExpr DimEvaluator::fail(Value value, int64_t dim) {
  emitError(value.getLoc())
      << "dimension " << dim << " of a value of type " << value.getType()
      << " does not follow from the shapes of the arguments of '"
      << func.getSymName() << "'";
  return {};
}

AffineExpr DimEvaluator::evalIndex(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return constant(cast<IntegerAttr>(attr).getInt());
  return evalIndex(cast<Value>(value));
}

AffineExpr DimEvaluator::evalIndex(Value value) {
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return constant(number.getSExtValue());
  auto unknown = [&]() -> AffineExpr {
    emitError(value.getLoc()) << "this size does not follow from the shapes of "
                                 "the arguments of '"
                              << func.getSymName() << "'";
    return {};
  };
  Operation *op = value.getDefiningOp();
  if (!op)
    return unknown();
  // Null operands have been reported where they were met.
  auto binary = [&](auto combine) -> AffineExpr {
    AffineExpr lhs = evalIndex(op->getOperand(0));
    AffineExpr rhs = lhs ? evalIndex(op->getOperand(1)) : AffineExpr();
    return rhs ? combine(lhs, rhs) : AffineExpr();
  };
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case([&](tensor::DimOp op) {
        std::optional<int64_t> dim = op.getConstantIndex();
        return dim ? getDim(op.getSource(), *dim) : unknown();
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp>(
          [&](auto op) { return evalIndex(op.getIn()); })
      .Case([&](arith::AddIOp) {
        return binary([](auto a, auto b) { return a + b; });
      })
      .Case([&](arith::SubIOp) {
        return binary([](auto a, auto b) { return a - b; });
      })
      .Case([&](arith::MulIOp) {
        return binary([](auto a, auto b) { return a * b; });
      })
      .Case<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>([&](auto) {
        return binary([](auto a, auto b) { return a.floorDiv(b); });
      })
      .Case<arith::CeilDivUIOp, arith::CeilDivSIOp>([&](auto) {
        return binary([](auto a, auto b) { return a.ceilDiv(b); });
      })
      .Case<arith::RemUIOp, arith::RemSIOp>(
          [&](auto) { return binary([](auto a, auto b) { return a % b; }); })
      .Case([&](affine::AffineApplyOp op) -> AffineExpr {
        AffineMap map = op.getAffineMap();
        SmallVector<AffineExpr> operands;
        for (Value operand : op.getMapOperands()) {
          operands.push_back(evalIndex(operand));
          if (!operands.back())
            return {};
        }
        ArrayRef<AffineExpr> all(operands);
        return map.getResult(0).replaceDimsAndSymbols(
            all.take_front(map.getNumDims()), all.drop_front(map.getNumDims()));
      })
      .Default([&](Operation *) { return unknown(); });
}

AffineExpr DimEvaluator::getDim(Value value, int64_t dim) {
  auto type = cast<ShapedType>(value.getType());
  if (!type.isDynamicDim(dim))
    return constant(type.getDimSize(dim));
  auto [it, inserted] = cache.try_emplace({value, dim});
  if (!inserted)
    return it->second;
  AffineExpr expr = evalDim(value, dim);
  cache[{value, dim}] = expr;
  return expr;
}

AffineExpr DimEvaluator::evalDim(Value value, int64_t dim) {
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    if (arg.getOwner() == &func.getBody().front())
      return getAffineSymbolExpr(firstSymbol[arg.getArgNumber()] + dim,
                                 context);
    if (auto loop =
            dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp()))
      if (OpOperand *init = loop.getTiedLoopInit(arg))
        return getDim(init->get(), dim);
    return fail(value, dim);
  }
  auto result = cast<OpResult>(value);
  Operation *op = result.getOwner();
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
    return getDim(dps.getTiedOpOperand(result)->get(), dim);
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
    if (OpOperand *init = loop.getTiedLoopInit(result))
      return getDim(init->get(), dim);
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case([&](tensor::EmptyOp op) {
        return evalIndex(op.getMixedSizes()[dim]);
      })
      .Case([&](tensor::CastOp op) { return getDim(op.getSource(), dim); })
      .Case([&](tensor::ExtractSliceOp op) {
        // Dropped dimensions are of size 1.
        llvm::SmallBitVector dropped = op.getDroppedDims();
        int64_t source = 0;
        for (int64_t kept = -1;; ++source)
          if (!dropped.test(source) && ++kept == dim)
            break;
        return evalIndex(op.getMixedSizes()[source]);
      })
      .Case([&](tensor::ExpandShapeOp op) {
        return evalIndex(op.getMixedOutputShape()[dim]);
      })
      .Case([&](tensor::CollapseShapeOp op) {
        AffineExpr product = constant(1);
        for (int64_t source : op.getReassociationIndices()[dim]) {
          AffineExpr size = getDim(op.getSrc(), source);
          if (!size)
            return AffineExpr();
          product = product * size;
        }
        return product;
      })
      .Case([&](tensor::PadOp op) -> AffineExpr {
        AffineExpr size = getDim(op.getSource(), dim);
        AffineExpr low = size ? evalIndex(op.getMixedLowPad()[dim]) : size;
        AffineExpr high = low ? evalIndex(op.getMixedHighPad()[dim]) : low;
        return high ? size + low + high : high;
      })
      .Case([&](tensor::ConcatOp op) {
        if (static_cast<int64_t>(op.getDim()) != dim)
          return getDim(op.getInputs().front(), dim);
        AffineExpr sum = constant(0);
        for (Value input : op.getInputs()) {
          AffineExpr size = getDim(input, dim);
          if (!size)
            return AffineExpr();
          sum = sum + size;
        }
        return sum;
      })
      .Default([&](Operation *op) {
        if (OpTrait::hasElementwiseMappableTraits(op))
          for (Value operand : op->getOperands())
            if (isa<RankedTensorType>(operand.getType()))
              return getDim(operand, dim);
        return fail(value, dim);
      });
}

void DimEvaluator::addConstraint(bool equal, AffineExpr lhs, AffineExpr rhs) {
  lhs = simplifyAffineExpr(lhs, 0, numSymbols);
  rhs = simplifyAffineExpr(rhs, 0, numSymbols);
  if (lhs == rhs)
    return;
  if (!equal && isa<AffineConstantExpr>(lhs) && isa<AffineConstantExpr>(rhs) &&
      cast<AffineConstantExpr>(lhs).getValue() >=
          cast<AffineConstantExpr>(rhs).getValue())
    return;
  for (const ShapeConstraint &known : constraints)
    if (known.equal == equal &&
        ((known.lhs == lhs && known.rhs == rhs) ||
         (equal && known.lhs == rhs && known.rhs == lhs)))
      return;
  constraints.push_back({equal, lhs, rhs});
}

LogicalResult DimEvaluator::addOpConstraints(Operation *op) {
  bool ok = true;
  auto require = [&](bool equal, AffineExpr lhs, AffineExpr rhs) {
    if (lhs && rhs)
      addConstraint(equal, lhs, rhs);
    else
      ok = false;
  };
  // A slice with unit strides ends inside of the whole. Where a slice in a loop
  // or a condition lies depends on values, so the program itself guards it.
  auto requireSlice = [&](OffsetSizeAndStrideOpInterface slice, Value whole) {
    if (slice->getParentOp() != func)
      return;
    for (auto [dim, offset, size, stride] :
         llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes(),
                         slice.getMixedStrides())) {
      AffineExpr end = evalIndex(offset), count = evalIndex(size),
                 step = evalIndex(stride);
      if (!end || !count || !step)
        ok = false;
      else
        require(false, getDim(whole, dim), end + (count - 1) * step + 1);
    }
  };

  if (auto tokenOp = dyn_cast<lm::TokenOpInterface>(op)) {
    SmallVector<lm::DimConstraint> dims;
    tokenOp.getDimConstraints(dims);
    for (const lm::DimConstraint &dim : dims) {
      AffineExpr rhs = getDim(op->getOperand(dim.rhs), dim.rhsDim);
      require(dim.kind == lm::DimConstraint::Kind::Equal,
              getDim(op->getOperand(dim.lhs), dim.lhsDim),
              rhs ? rhs * dim.factor + dim.addend : rhs);
    }
  } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    // Dimensions that one loop walks are equal.
    SmallVector<AffineExpr> loops(linalgOp.getNumLoops());
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<ShapedType>(operand.get().getType()))
        continue;
      AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
      for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        if (!loop)
          continue;
        AffineExpr size = getDim(operand.get(), dim);
        if (!size)
          return failure();
        AffineExpr &known = loops[loop.getPosition()];
        if (known)
          addConstraint(true, known, size);
        else
          known = size;
      }
    }
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    requireSlice(slice, slice.getSource());
  } else if (auto slice = dyn_cast<tensor::InsertSliceOp>(op)) {
    requireSlice(slice, slice.getDest());
  } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    for (int64_t d = 0, e = cast.getType().getRank(); d < e; ++d)
      if (!cast.getType().isDynamicDim(d))
        require(true, getDim(cast.getSource(), d),
                constant(cast.getType().getDimSize(d)));
  } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    for (auto [d, group] : llvm::enumerate(expand.getReassociationIndices())) {
      AffineExpr product = constant(1);
      for (int64_t dim : group)
        if (AffineExpr size = getDim(expand.getResult(), dim); size && product)
          product = product * size;
        else
          product = AffineExpr();
      require(true, getDim(expand.getSrc(), d), product);
    }
  } else if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    for (Value input : concat.getInputs().drop_front())
      for (int64_t d = 0, e = concat.getResultType().getRank(); d < e; ++d)
        if (d != static_cast<int64_t>(concat.getDim()))
          require(true, getDim(concat.getInputs().front(), d),
                  getDim(input, d));
  } else if (OpTrait::hasElementwiseMappableTraits(op)) {
    Value first;
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (!type)
        continue;
      if (!first)
        first = operand;
      else
        for (int64_t d = 0, e = type.getRank(); d < e; ++d)
          require(true, getDim(first, d), getDim(operand, d));
    }
  }
  return success(ok);
}

FailureOr<SmallVector<ShapeConstraint>> DimEvaluator::getConstraints() {
  constraints.clear();
  WalkResult walk = func.walk([&](Operation *op) {
    return failed(addOpConstraints(op)) ? WalkResult::interrupt()
                                        : WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();

  // Two sizes known to be equal need no second comparison with a third: keep
  // an equality of plain dimensions only where it joins two classes.
  llvm::DenseMap<AffineExpr, AffineExpr> parent;
  auto find = [&](AffineExpr expr) {
    while (parent.count(expr))
      expr = parent[expr];
    return expr;
  };
  SmallVector<ShapeConstraint> result;
  for (const ShapeConstraint &constraint : constraints) {
    if (constraint.equal) {
      AffineExpr lhs = find(constraint.lhs), rhs = find(constraint.rhs);
      if (lhs == rhs)
        continue;
      parent[rhs] = lhs;
    } else if (find(constraint.lhs) == find(constraint.rhs)) {
      continue;
    }
    result.push_back(constraint);
  }
  return result;
}

std::string DimEvaluator::getArgName(func::FuncOp func, unsigned index) {
  if (auto name = func.getArgAttrOfType<StringAttr>(index, "lm.name"))
    return name.str();
  return "arg" + std::to_string(index);
}

std::string DimEvaluator::describe(AffineExpr expr) {
  auto symbolName = [&](unsigned symbol) {
    unsigned arg = llvm::upper_bound(firstSymbol, symbol) - firstSymbol.begin();
    // Arguments of rank 0 share their first symbol with the next one.
    return "dim " + std::to_string(symbol - firstSymbol[arg - 1]) +
           " of argument '" + getArgName(func, arg - 1) + "'";
  };
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbolName(symbol.getPosition());
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(number.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  StringRef sign;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    sign = " + ";
    break;
  case AffineExprKind::Mul:
    sign = " * ";
    break;
  case AffineExprKind::FloorDiv:
    sign = " floordiv ";
    break;
  case AffineExprKind::CeilDiv:
    sign = " ceildiv ";
    break;
  default:
    sign = " mod ";
    break;
  }
  return "(" + describe(binary.getLHS()) + sign.str() +
         describe(binary.getRHS()) + ")";
}

} // namespace hipfuse
