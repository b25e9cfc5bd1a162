//===-- NormQuantize.cpp - A norm whose rows are quantised ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What lm.rms_norm and lm.add_rms_norm have in common; their fusions are in
// RmsNormQuantize.cpp and AddRmsNormQuantize.cpp.
//
//===----------------------------------------------------------------------===//

#include "NormQuantize.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

void NormQuantizeGroup::getNeeds(SmallVectorImpl<Value> &needs) {
  auto add = [&](Value value) {
    if (value)
      needs.push_back(value);
  };
  if (auto add_norm = dyn_cast<AddRmsNormOp>(norm)) {
    for (Value value : {add_norm.getResidual(), add_norm.getWeight(),
                        add_norm.getResidualOut()})
      add(value);
    add(keepsNorm ? add_norm.getOut() : Value());
  } else {
    auto plain = cast<RmsNormOp>(norm);
    add(plain.getWeight());
    add(keepsNorm ? plain.getOut() : Value());
  }
  if (second)
    for (Value value : {second.getX(), second.getWeight(), second.getOut()})
      add(value);
  add(getInput());
  part.getNeeds(needs);
}

Value NormQuantizeGroup::getInput() {
  if (reduce)
    return reduce.getX();
  auto plain = dyn_cast<RmsNormOp>(norm);
  return plain ? plain.getX() : cast<AddRmsNormOp>(norm).getX();
}

void NormQuantizeGroup::apply(RewriterBase &rewriter) {
  Location loc = rewriter.getFusedLoc({norm->getLoc(), part.quantize.getLoc()});
  auto plain = dyn_cast<RmsNormOp>(norm);
  auto add = dyn_cast<AddRmsNormOp>(norm);
  Value x = getInput();
  Value out = plain ? plain.getOut() : add.getOut();

  // The norm's result type is a rounding before quantisation; f32 is none.
  Type normType = getTensorType(out).getElementType();
  TypeAttr round = normType.isF32() ? TypeAttr() : TypeAttr::get(normType);
  TypeAttr splitK;
  if (reduce)
    splitK = TypeAttr::get(getTensorType(reduce.getOut()).getElementType());
  auto [data, scale] =
      part.getInits(rewriter, loc, x, /*leading=*/reduce ? 1 : 0);
  auto fused = RmsNormQuantizeOp::create(
      rewriter, loc, x, add ? add.getResidual() : Value(),
      plain ? plain.getWeight() : add.getWeight(),
      part.quantize.getInputScale(), second ? second.getX() : Value(),
      second ? second.getWeight() : Value(), data, scale,
      keepsNorm ? out : Value(), add ? add.getResidualOut() : Value(),
      second ? second.getOut() : Value(), part.getScheme(),
      plain ? plain.getEpsilonAttr() : add.getEpsilonAttr(),
      plain ? plain.getWeightOffsetAttr() : add.getWeightOffsetAttr(),
      plain ? plain.getRoundNormBeforeWeightAttr()
            : add.getRoundNormBeforeWeightAttr(),
      add ? add.getNormFromRoundedResidualAttr() : UnitAttr(),
      add ? add.getRoundSumBeforeResidualAttr() : UnitAttr(), round,
      second ? second.getEpsilonAttr() : FloatAttr(), splitK);

  unsigned next = 0;
  Value newData = fused->getResult(next++);
  Value newScale = scale ? Value(fused->getResult(next++)) : Value();
  if (keepsNorm)
    rewriter.replaceAllUsesWith(norm->getResult(0), fused->getResult(next++));
  if (add)
    rewriter.replaceAllUsesWith(norm->getResult(1), fused->getResult(next++));
  if (second)
    rewriter.replaceAllUsesWith(second->getResult(0), fused->getResult(next++));
  part.replace(rewriter, newData, newScale);
}

void fusion::refuseSharedSplitK(Planner &planner, FusionKind kind,
                                SplitKReduceOp reduce, StringRef fusedName) {
  if (reduce && !reduce->hasOneUse())
    planner.refuse(kind, reduce,
                   {RefusalReason::SplitKShared,
                    {reduce->getName().getStringRef(),
                     static_cast<int64_t>(llvm::range_size(reduce->getUses())),
                     fusedName}});
}

template <typename NormOp>
void fusion::planNormQuantize(Planner &planner, FusionKind kind) {
  StringRef normName = NormOp::getOperationName();
  StringRef fusedName = RmsNormQuantizeOp::getOperationName();
  for (Operation *norm : planner.getOps<NormOp>())
    if (norm->getNumResults() == 0)
      planner.refuse(kind, norm, {RefusalReason::MemrefSemantics, {normName}});

  for (const QuantizedRows &rows : planner.getQuantized<NormOp>()) {
    QuantizeOp quantize = rows.quantize;
    const Chain &chain = rows.chain;
    Operation *op = quantize;
    auto norm = chain.root.template getDefiningOp<NormOp>();
    // The residual is the other result of an add_rms_norm.
    if (chain.root != norm->getResult(0))
      continue;
    if (std::optional<Refusal> refusal = planner.checkUnclaimed(norm)) {
      planner.refuse(kind, op, *refusal);
      continue;
    }
    if (std::optional<Refusal> refusal = checkChain(chain, norm, op)) {
      planner.refuse(kind, op, *refusal);
      continue;
    }
    int64_t rank = getTensorType(chain.root).getRank();
    ScaleLayout layout = quantize.getScheme().getLayout();
    if (!chain.ops.empty() && layout != ScaleLayout::RowMajor) {
      planner.refuse(kind, op,
                     {RefusalReason::ReshapeBeforeScaleLayout,
                      {normName, rank, stringifyScaleLayout(layout)}});
      continue;
    }

    auto group = std::make_unique<NormQuantizeGroup>(kind, norm);
    group->part.quantize = quantize;
    group->part.views = chain.ops;
    group->members = {norm, quantize};
    // Reshapes that lead only to the quantisation die with it.
    group->keepsNorm = !chain.root.hasOneUse();
    for (Operation *view : llvm::reverse(chain.ops)) {
      if (!view->hasOneUse()) {
        group->keepsNorm = true;
        break;
      }
      group->members.push_back(view);
    }
    std::string detail = (normName + " + lm.quantize -> " + fusedName).str();
    auto reduce = norm.getX().template getDefiningOp<SplitKReduceOp>();
    if (reduce && reduce->hasOneUse()) {
      group->reduce = reduce;
      group->members.push_back(reduce);
      detail = "lm.split_k_reduce + " + detail;
    }
    if (!chain.ops.empty())
      detail += " through " + std::to_string(chain.ops.size()) +
                (chain.ops.size() == 1 ? " reshape" : " reshapes");
    if (group->keepsNorm)
      detail += ", norm kept for other users";
    if (planner.plan(std::move(group), op, norm.getX(), detail))
      refuseSharedSplitK(planner, kind, reduce, fusedName);
  }
}

template void fusion::planNormQuantize<RmsNormOp>(Planner &, FusionKind);
template void fusion::planNormQuantize<AddRmsNormOp>(Planner &, FusionKind);
