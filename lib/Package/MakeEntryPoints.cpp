//===-- MakeEntryPoints.cpp - The artefact's calling convention -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Buffers.h"
#include "DimEvaluator.h"
#include "RuntimeDtype.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Package/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#define DEBUG_TYPE "hipfuse-make-entry-points"

namespace hipfuse {
#define GEN_PASS_DEF_MAKEENTRYPOINTSPASS
#include "hipfuse/Package/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;
using namespace hipfuse;

//===----------------------------------------------------------------------===//
// Signature
//===----------------------------------------------------------------------===//

/// The argument that `value` is after a chain of updates of destinations, or
/// none. An argument that is returned untouched is not tied: it is copied.
static std::optional<unsigned> findTiedArgument(Value value) {
  bool updated = false;
  while (Operation *op = value.getDefiningOp()) {
    if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
      value = dps.getTiedOpOperand(cast<OpResult>(value))->get();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      value = insert.getDest();
    else
      return std::nullopt;
    updated = true;
  }
  auto arg = cast<BlockArgument>(value);
  if (!updated || !isa<func::FuncOp>(arg.getOwner()->getParentOp()))
    return std::nullopt;
  return arg.getArgNumber();
}

namespace {

/// What `#lm.entry_point` will say of a function.
struct EntryDescriptor {
  std::string name;
  SmallVector<lm::EntryBufferAttr> args, results;
  SmallVector<Attribute> constraints;
  FlatSymbolRefAttr shape, code;

  /// Whether a result is held by argument `arg` after the call.
  bool isUpdated(size_t arg) const {
    return llvm::any_of(results, [&](lm::EntryBufferAttr result) {
      return result.getTied() == static_cast<int64_t>(arg);
    });
  }

  lm::EntryPointAttr get(MLIRContext *context, StringAttr device) const {
    auto array = [&](auto range) {
      return ArrayAttr::get(context,
                            SmallVector<Attribute>(range.begin(), range.end()));
    };
    ArrayAttr codes;
    if (device)
      codes = ArrayAttr::get(
          context, lm::DeviceCodeAttr::get(context, device.getValue(), code));
    return lm::EntryPointAttr::get(
        context, name, shape, array(args), array(results),
        constraints.empty() ? ArrayAttr() : array(constraints),
        device ? FlatSymbolRefAttr() : code, codes);
  }
};

} // namespace

/// Describes `func`, or emits why it cannot be an entry.
static FailureOr<EntryDescriptor> describe(func::FuncOp func) {
  EntryDescriptor descriptor;
  descriptor.name = func.getSymName().str();
  if (!llvm::hasSingleElement(func.getBody()))
    return func.emitError("public function '")
           << func.getSymName() << "' has control flow between blocks";

  auto addTensor = [&](SmallVector<lm::EntryBufferAttr> &list, Type type,
                       StringRef name, StringRef what,
                       int64_t tied) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getEncoding())
      return func.emitError(what) << " '" << name << "' of public function '"
                                  << func.getSymName() << "' has type " << type
                                  << ", but an artefact takes ranked tensors";
    if (!getRuntimeDtype(tensor.getElementType()))
      return func.emitError(what)
             << " '" << name << "' of public function '" << func.getSymName()
             << "' has element type " << tensor.getElementType()
             << ", which an artefact cannot name";
    list.push_back(
        lm::EntryBufferAttr::get(func.getContext(), name, tensor, tied));
    return success();
  };
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (failed(addTensor(descriptor.args, func.getArgumentTypes()[i],
                         DimEvaluator::getArgName(func, i), "argument", -1)))
      return failure();

  Operation *ret = func.getBody().front().getTerminator();
  llvm::SmallDenseSet<unsigned> tied;
  for (unsigned i = 0, e = func.getNumResults(); i < e; ++i) {
    auto name = func.getResultAttrOfType<StringAttr>(i, "lm.name");
    std::optional<unsigned> arg = findTiedArgument(ret->getOperand(i));
    bool isTied = arg && tied.insert(*arg).second;
    if (failed(addTensor(descriptor.results, func.getResultTypes()[i],
                         name ? name.str() : "result" + std::to_string(i),
                         "result", isTied ? static_cast<int64_t>(*arg) : -1)))
      return failure();
  }
  return descriptor;
}

//===----------------------------------------------------------------------===//
// Code of an entry
//===----------------------------------------------------------------------===//

namespace {

/// Emits LLVM code that reads and writes arrays of dimensions.
class EntryBuilder {
public:
  /// Makes code for `device`, or for the host where it is null.
  EntryBuilder(ModuleOp module, StringAttr device)
      : builder(module.getContext()), loc(module.getLoc()),
        converter(module.getContext()), device(device) {
    builder.setInsertionPointToEnd(module.getBody());
    ptr = LLVM::LLVMPointerType::get(module.getContext());
    i32 = builder.getI32Type();
    i64 = builder.getI64Type();
  }

  void makeShapeFunction(func::FuncOp func, EntryDescriptor &descriptor,
                         DimEvaluator &dims,
                         ArrayRef<ShapeConstraint> constraints,
                         ArrayRef<AffineExpr> resultDims);
  /// The function's body between its buffers, and what leads to it.
  void makeCode(func::FuncOp func, EntryDescriptor &descriptor);

private:
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, i64,
                                    builder.getI64IntegerAttr(value));
  }
  Value load(Type type, Value array, int64_t index) {
    Value address = LLVM::GEPOp::create(builder, loc, ptr, type, array,
                                        LLVM::GEPArg(index));
    return LLVM::LoadOp::create(builder, loc, type, address);
  }
  void store(Value value, Value array, int64_t index) {
    Value address = LLVM::GEPOp::create(builder, loc, ptr, value.getType(),
                                        array, LLVM::GEPArg(index));
    LLVM::StoreOp::create(builder, loc, value, address);
  }
  /// Code for a non-negative size; symbols index `array`.
  Value emit(AffineExpr expr, Value array);
  /// The contiguous buffer at data[index], its sizes from dims[firstDim].
  Value makeBuffer(RankedTensorType type, Value data, int64_t index, Value dims,
                   int64_t firstDim);
  /// Moves the body of `func` between the buffers of the entry function `to`.
  void makeBody(func::FuncOp func, const EntryDescriptor &descriptor,
                func::FuncOp to);
  /// A private function over (api, data, dims).
  func::FuncOp makeFunction(Location loc, const Twine &name, StringRef marker,
                            TypeRange results);
  Value zero() {
    return LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  }

  OpBuilder builder;
  Location loc;
  LLVMTypeConverter converter;
  StringAttr device;
  Type ptr, i32, i64;
};

Value EntryBuilder::emit(AffineExpr expr, Value array) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return constant(number.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return load(i64, array, symbol.getPosition());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = emit(binary.getLHS(), array);
  Value rhs = emit(binary.getRHS(), array);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return LLVM::AddOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::Mul:
    return LLVM::MulOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return LLVM::SDivOp::create(builder, loc, lhs, rhs);
  case AffineExprKind::CeilDiv: {
    Value up = LLVM::AddOp::create(
        builder, loc, lhs, LLVM::SubOp::create(builder, loc, rhs, constant(1)));
    return LLVM::SDivOp::create(builder, loc, up, rhs);
  }
  default:
    return LLVM::SRemOp::create(builder, loc, lhs, rhs);
  }
}

void EntryBuilder::makeShapeFunction(func::FuncOp func,
                                     EntryDescriptor &descriptor,
                                     DimEvaluator &dims,
                                     ArrayRef<ShapeConstraint> constraints,
                                     ArrayRef<AffineExpr> resultDims) {
  OpBuilder::InsertionGuard guard(builder);
  auto shape = LLVM::LLVMFuncOp::create(
      builder, loc, "hipfuse_shape_" + descriptor.name,
      LLVM::LLVMFunctionType::get(i32, {ptr, ptr}), LLVM::Linkage::Internal);
  descriptor.shape = FlatSymbolRefAttr::get(shape);
  Block *block = shape.addEntryBlock(builder);
  Value argDims = block->getArgument(0), out = block->getArgument(1);
  builder.setInsertionPointToStart(block);
  auto returnCode = [&](int32_t code) {
    Value value =
        LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(code));
    LLVM::ReturnOp::create(builder, loc, value);
  };

  for (const ShapeConstraint &constraint : constraints) {
    descriptor.constraints.push_back(builder.getStringAttr(
        dims.describe(constraint.lhs) +
        (constraint.equal ? " equals " : " is at least ") +
        dims.describe(constraint.rhs)));
    Value holds = LLVM::ICmpOp::create(
        builder, loc,
        constraint.equal ? LLVM::ICmpPredicate::eq : LLVM::ICmpPredicate::sge,
        emit(constraint.lhs, argDims), emit(constraint.rhs, argDims));
    Block *violated = shape.addBlock(), *next = shape.addBlock();
    LLVM::CondBrOp::create(builder, loc, holds, next, violated);
    builder.setInsertionPointToStart(violated);
    returnCode(descriptor.constraints.size());
    builder.setInsertionPointToStart(next);
  }
  for (auto [i, expr] : llvm::enumerate(resultDims))
    store(emit(expr, argDims), out, i);
  returnCode(0);
}

Value EntryBuilder::makeBuffer(RankedTensorType type, Value data, int64_t index,
                               Value dims, int64_t firstDim) {
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  Value pointer = load(ptr, data, index);
  SmallVector<Value> sizes;
  for (int64_t d = 0, e = type.getRank(); d < e; ++d)
    sizes.push_back(type.isDynamicDim(d) ? load(i64, dims, firstDim + d)
                                         : constant(type.getDimSize(d)));
  return makeContiguousBuffer(builder, loc, converter, memref, pointer, sizes);
}

func::FuncOp EntryBuilder::makeFunction(Location loc, const Twine &name,
                                        StringRef marker, TypeRange results) {
  auto function =
      func::FuncOp::create(builder, loc, builder.getStringAttr(name).getValue(),
                           builder.getFunctionType({ptr, ptr, ptr}, results));
  function.setPrivate();
  function->setAttr(marker, builder.getUnitAttr());
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
  return function;
}

void EntryBuilder::makeBody(func::FuncOp func,
                            const EntryDescriptor &descriptor,
                            func::FuncOp to) {
  Block *block = to.addEntryBlock();
  builder.setInsertionPointToStart(block);
  Value data = block->getArgument(1), dims = block->getArgument(2);

  IRMapping mapping;
  SmallVector<Value> argBuffers;
  int64_t index = 0, firstDim = 0;
  for (auto [i, arg] : llvm::enumerate(descriptor.args)) {
    RankedTensorType type = arg.getType();
    Value buffer = makeBuffer(type, data, index++, dims, firstDim);
    firstDim += type.getRank();
    argBuffers.push_back(buffer);
    mapping.map(func.getArgument(i),
                bufferization::ToTensorOp::create(builder, loc, type, buffer,
                                                  /*restrict=*/true,
                                                  descriptor.isUpdated(i)));
  }
  SmallVector<Value> resultBuffers;
  for (lm::EntryBufferAttr result : descriptor.results) {
    if (result.getTied() >= 0) {
      resultBuffers.push_back(argBuffers[result.getTied()]);
      continue;
    }
    resultBuffers.push_back(
        makeBuffer(result.getType(), data, index++, dims, firstDim));
    firstDim += result.getType().getRank();
  }

  for (Operation &op : func.getBody().front().without_terminator())
    builder.clone(op, mapping);
  Operation *ret = func.getBody().front().getTerminator();
  for (auto [i, result] : llvm::enumerate(descriptor.results)) {
    bufferization::MaterializeInDestinationOp::create(
        builder, loc, /*result=*/Type(),
        mapping.lookupOrDefault(ret->getOperand(i)), resultBuffers[i],
        /*restrict=*/result.getTied() < 0, /*writable=*/true);
  }
}

void EntryBuilder::makeCode(func::FuncOp func, EntryDescriptor &descriptor) {
  OpBuilder::InsertionGuard guard(builder);
  if (device) {
    // What goes wrong in a launch is handed on.
    func::FuncOp launch = makeFunction(func.getLoc(),
                                       "hipfuse_device_" + device.getValue() +
                                           "_" + descriptor.name,
                                       "lm.device_entry", i32);
    makeBody(func, descriptor, launch);
    func::ReturnOp::create(builder, loc, zero());
    descriptor.code = FlatSymbolRefAttr::get(launch);
    return;
  }
  func::FuncOp host =
      makeFunction(func.getLoc(), "hipfuse_host_" + descriptor.name,
                   "lm.host_entry", TypeRange());
  auto entry = LLVM::LLVMFuncOp::create(
      builder, loc, "hipfuse_entry_" + descriptor.name,
      LLVM::LLVMFunctionType::get(i32, {ptr, ptr, ptr}),
      LLVM::Linkage::Internal);
  makeBody(func, descriptor, host);
  func::ReturnOp::create(builder, loc);

  Block *block = entry.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  func::CallOp::create(builder, loc, host, block->getArguments());
  LLVM::ReturnOp::create(builder, loc, zero());
  descriptor.code = FlatSymbolRefAttr::get(entry);
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

struct MakeEntryPointsPass final
    : hipfuse::impl::MakeEntryPointsPassBase<MakeEntryPointsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto func : module.getOps<func::FuncOp>())
      if (func.isPublic())
        functions.push_back(func);

    StringAttr chip;
    if (device) {
      auto target =
          module->getAttrOfType<lm::TargetAttr>(lm::TargetAttr::kName);
      if (!target || target.isHost()) {
        module.emitError("device entries need a '")
            << lm::TargetAttr::kName << "' that is a device; lm-attach-target "
            << "gives the module one";
        return signalPassFailure();
      }
      chip = StringAttr::get(&getContext(), target.getChip());
    }

    EntryBuilder builder(module, chip);
    SmallVector<lm::EntryPointAttr> entries;
    for (func::FuncOp func : functions) {
      WalkResult calls = func.walk([&](func::CallOp call) {
        call.emitError("call of '")
            << call.getCallee()
            << "' remains; an entry needs its callees inlined";
        return WalkResult::interrupt();
      });
      FailureOr<EntryDescriptor> descriptor = describe(func);
      if (calls.wasInterrupted() || failed(descriptor))
        return signalPassFailure();

      DimEvaluator dims(func);
      FailureOr<SmallVector<ShapeConstraint>> constraints =
          dims.getConstraints();
      if (failed(constraints))
        return signalPassFailure();
      SmallVector<AffineExpr> resultDims;
      for (Value result : func.getBody().front().getTerminator()->getOperands())
        for (int64_t d = 0, e = cast<ShapedType>(result.getType()).getRank();
             d < e; ++d) {
          resultDims.push_back(dims.getDim(result, d));
          if (!resultDims.back())
            return signalPassFailure();
        }
      builder.makeShapeFunction(func, *descriptor, dims, *constraints,
                                resultDims);
      builder.makeCode(func, *descriptor);
      entries.push_back(descriptor->get(&getContext(), chip));
    }
    for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (!func->hasAttr("lm.host_entry") && !func->hasAttr("lm.device_entry"))
        func.erase();
    lm::setEntryPoints(module, entries);

    // Bufferisation knows slices, not concatenations.
    RewritePatternSet patterns(&getContext());
    tensor::populateDecomposeTensorConcatPatterns(patterns);
    if (failed(applyPatternsGreedily(module, std::move(patterns))))
      return signalPassFailure();
  }
};

} // namespace
