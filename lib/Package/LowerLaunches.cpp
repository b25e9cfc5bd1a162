//===-- LowerLaunches.cpp - Launches as calls of the runtime --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Buffers.h"

#include "hipfuse/Package/Passes.h"

#include "hipfuse-rt/artifact.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSet.h"

#define DEBUG_TYPE "hipfuse-lower-launches"

namespace hipfuse {
#define GEN_PASS_DEF_LOWERLAUNCHESPASS
#include "hipfuse/Package/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;
using namespace hipfuse;

//===----------------------------------------------------------------------===//
// What launch code may hold
//===----------------------------------------------------------------------===//

/// Why launch code cannot hold `op`; empty if it can.
static StringRef getRefusal(Operation *op) {
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return isContiguous(cast<MemRefType>(copy.getSource().getType())) &&
                   isContiguous(cast<MemRefType>(copy.getTarget().getType()))
               ? ""
               : "copies between buffers that are not contiguous";
  if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
    return launch.hasClusterSize() || launch.getAsyncToken()
               ? "is a launch of clusters, or an asynchronous one"
               : "";
  if (isa<memref::GetGlobalOp>(op))
    return "names data in the host's memory";
  // Views say where data is; they do not touch it.
  if (isa<memref::AllocOp, memref::DeallocOp, memref::DimOp, memref::CastOp,
          memref::SubViewOp, memref::ReinterpretCastOp, memref::ExpandShapeOp,
          memref::CollapseShapeOp, memref::ViewOp,
          memref::ExtractStridedMetadataOp,
          memref::ExtractAlignedPointerAsIndexOp, memref::MemorySpaceCastOp>(
          op))
    return "";
  // The arrays of buffers and dimensions are in the host's memory.
  if (isa<arith::ArithDialect, affine::AffineDialect, cf::ControlFlowDialect,
          LLVM::LLVMDialect, ub::UBDialect>(op->getDialect()) &&
      op->getNumRegions() == 0)
    return "";
  if (isa<UnrealizedConversionCastOp, func::ReturnOp, func::FuncOp>(op))
    return "";
  if (isa<memref::MemRefDialect>(op->getDialect()))
    return "reads or writes memory of the device from the host";
  return "has no form for devices";
}

/// Warns of each kind of operation that keeps a function from having device
/// code, at the first one. Returns whether there is one.
static bool warnOfRefusals(func::FuncOp entry, StringRef name, StringRef chip) {
  llvm::SmallDenseSet<OperationName> seen;
  entry.walk<WalkOrder::PreOrder>([&](Operation *op) {
    StringRef refusal = getRefusal(op);
    if (refusal.empty())
      return WalkResult::advance();
    if (seen.insert(op->getName()).second)
      op->emitWarning("function '")
          << name << "' has no code for " << chip << ": '" << op->getName()
          << "' " << refusal;
    // What is inside goes with it.
    return WalkResult::skip();
  });
  return !seen.empty();
}

//===----------------------------------------------------------------------===//
// Calls of the runtime
//===----------------------------------------------------------------------===//

namespace {

/// Numbers of kernels: their places in the table of the code object, which is
/// in the order of names.
using KernelNumbers = llvm::StringMap<uint32_t>;

/// Rewrites one device entry.
class LaunchLowering {
public:
  LaunchLowering(func::FuncOp entry, const KernelNumbers &numbers)
      : entry(entry), numbers(numbers), builder(entry.getContext()),
        converter(entry.getContext()) {
    ptr = LLVM::LLVMPointerType::get(entry.getContext());
    i32 = builder.getI32Type();
    i64 = builder.getI64Type();
  }

  LogicalResult run();

private:
  /// Members of hipfuse_rt_launch_api.
  enum Member { Context = 1, Launch, Copy, Allocate };

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, i64,
                                    builder.getI64IntegerAttr(value));
  }
  Value toI64(Value value) {
    if (value.getType().isIndex())
      return arith::IndexCastOp::create(builder, loc, i64, value);
    if (value.getType() == i64)
      return value;
    return arith::ExtUIOp::create(builder, loc, i64, value);
  }
  Value toI32(Value value) {
    if (value.getType() == i32)
      return value;
    return LLVM::TruncOp::create(builder, loc, i32, toI64(value));
  }
  Value loadMember(Member member);
  void makePreamble();
  /// Bytes of a contiguous buffer with these sizes.
  Value getByteSize(MemRefType type, ArrayRef<Value> sizes);
  /// The first byte of a contiguous buffer.
  Value getPointer(Value buffer);
  /// Goes on after `op` only if `holds`; what is built next runs then.
  void beginIf(Operation *op, Value holds);
  /// Calls a member that returns a code, which ends the entry if it is not 0.
  void callOrReturn(Operation *op, Value callee, ValueRange args);

  LogicalResult lower(gpu::LaunchFuncOp launch);
  void lower(memref::AllocOp alloc);
  void lower(memref::CopyOp copy);

  func::FuncOp entry;
  const KernelNumbers &numbers;
  OpBuilder builder;
  Location loc = entry.getLoc();
  LLVMTypeConverter converter;
  Type ptr, i32, i64;
  /// Loaded once, at the start.
  Value context, launchFn, copyFn, allocateFn;
  /// The values of a launch's parameters, eight bytes each, and pointers to
  /// them; every launch of the entry uses the same.
  Value slots, slotPointers;
  Block *failureBlock = nullptr;
};

Value LaunchLowering::loadMember(Member member) {
  static_assert(offsetof(hipfuse_rt_launch_api, context) == 8 &&
                    offsetof(hipfuse_rt_launch_api, launch) == 16 &&
                    offsetof(hipfuse_rt_launch_api, copy) == 24 &&
                    offsetof(hipfuse_rt_launch_api, allocate) == 32,
                "the struct below is hipfuse_rt_launch_api");
  auto api = LLVM::LLVMStructType::getLiteral(entry.getContext(),
                                              {i32, ptr, ptr, ptr, ptr});
  Value address =
      LLVM::GEPOp::create(builder, loc, ptr, api, entry.getArgument(0),
                          ArrayRef<LLVM::GEPArg>{0, int32_t(member)});
  return LLVM::LoadOp::create(builder, loc, ptr, address);
}

void LaunchLowering::makePreamble() {
  int64_t numSlots = 0;
  entry.walk([&](gpu::LaunchFuncOp launch) {
    numSlots = std::max<int64_t>(numSlots, launch.getNumKernelOperands());
  });
  builder.setInsertionPointToStart(&entry.front());
  context = loadMember(Context);
  launchFn = loadMember(Launch);
  copyFn = loadMember(Copy);
  allocateFn = loadMember(Allocate);
  if (numSlots == 0)
    return;
  slots = LLVM::AllocaOp::create(builder, loc, ptr, i64, constant(numSlots));
  slotPointers =
      LLVM::AllocaOp::create(builder, loc, ptr, ptr, constant(numSlots));
  for (int64_t i = 0; i < numSlots; ++i) {
    Value slot = LLVM::GEPOp::create(builder, loc, ptr, i64, slots,
                                     LLVM::GEPArg(int32_t(i)));
    Value pointer = LLVM::GEPOp::create(builder, loc, ptr, ptr, slotPointers,
                                        LLVM::GEPArg(int32_t(i)));
    LLVM::StoreOp::create(builder, loc, slot, pointer);
  }
}

Value LaunchLowering::getByteSize(MemRefType type, ArrayRef<Value> sizes) {
  int64_t bits = type.getElementType().isIndex()
                     ? 64
                     : type.getElementType().getIntOrFloatBitWidth();
  Value bytes = constant(llvm::divideCeil(bits, 8));
  for (Value size : sizes)
    bytes = LLVM::MulOp::create(builder, loc, bytes, size);
  return bytes;
}

Value LaunchLowering::getPointer(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Value address = toI64(
      memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, buffer));
  if (!type.getLayout().isIdentity()) {
    auto metadata =
        memref::ExtractStridedMetadataOp::create(builder, loc, buffer);
    address = LLVM::AddOp::create(
        builder, loc, address, getByteSize(type, toI64(metadata.getOffset())));
  }
  return LLVM::IntToPtrOp::create(builder, loc, ptr, address);
}

void LaunchLowering::beginIf(Operation *op, Value holds) {
  Block *before = op->getBlock();
  Block *rest = before->splitBlock(op->getNextNode());
  auto *then = new Block();
  then->insertBefore(rest);
  builder.setInsertionPointToEnd(before);
  cf::CondBranchOp::create(builder, loc, holds, then, ValueRange(), rest,
                           ValueRange());
  builder.setInsertionPointToEnd(then);
  cf::BranchOp::create(builder, loc, rest);
  builder.setInsertionPointToStart(then);
}

void LaunchLowering::callOrReturn(Operation *op, Value callee,
                                  ValueRange args) {
  SmallVector<Value> operands = {callee};
  llvm::append_range(operands, args);
  Value code =
      LLVM::CallOp::create(
          builder, loc,
          LLVM::LLVMFunctionType::get(i32, SmallVector<Type>(args.getTypes())),
          operands)
          .getResult();
  if (!failureBlock) {
    OpBuilder::InsertionGuard guard(builder);
    failureBlock =
        builder.createBlock(&entry.getBody(), entry.getBody().end(), i32, loc);
    func::ReturnOp::create(builder, loc, failureBlock->getArgument(0));
  }
  Value zero =
      LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value ok =
      LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, code, zero);
  Block *block = builder.getInsertionBlock();
  Block *rest = block->splitBlock(builder.getInsertionPoint());
  builder.setInsertionPointToEnd(block);
  cf::CondBranchOp::create(builder, loc, ok, rest, ValueRange(), failureBlock,
                           code);
}

LogicalResult LaunchLowering::lower(gpu::LaunchFuncOp launch) {
  auto it = numbers.find(launch.getKernelName());
  if (it == numbers.end())
    return launch.emitError("launches '")
           << launch.getKernel() << "', which is no kernel";
  auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(
      launch, launch.getKernel());
  gpu::KernelDim3 block = launch.getBlockSizeOperandValues();
  std::optional<ArrayRef<int32_t>> known = kernel.getKnownBlockSize();
  if (!known)
    return kernel.emitError("kernel '")
           << kernel.getName() << "' has no known_block_size";
  for (auto [size, wanted] :
       llvm::zip(SmallVector<Value>{block.x, block.y, block.z}, *known)) {
    APInt value;
    if (!matchPattern(size, m_ConstantInt(&value)) ||
        value.getSExtValue() != wanted)
      return launch.emitError("launches blocks of another size than '")
             << kernel.getName() << "' has";
  }

  builder.setInsertionPoint(launch);
  gpu::KernelDim3 grid = launch.getGridSizeOperandValues();
  SmallVector<Value> sizes = {grid.x, grid.y, grid.z};
  Value nonEmpty;
  for (Value size : sizes) {
    APInt value;
    if (matchPattern(size, m_ConstantInt(&value)) && value.sgt(0))
      continue;
    Value wide = toI64(size);
    Value holds = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::sgt,
                                       wide, constant(0));
    nonEmpty =
        nonEmpty ? LLVM::AndOp::create(builder, loc, nonEmpty, holds) : holds;
  }
  if (nonEmpty)
    beginIf(launch, nonEmpty);
  for (auto [i, operand] : llvm::enumerate(launch.getKernelOperands())) {
    Value slot = LLVM::GEPOp::create(builder, loc, ptr, i64, slots,
                                     LLVM::GEPArg(int32_t(i)));
    LLVM::StoreOp::create(builder, loc, operand, slot);
  }
  SmallVector<Value> args = {
      context, LLVM::ConstantOp::create(builder, loc,
                                        builder.getI32IntegerAttr(it->second))};
  for (Value size : sizes)
    args.push_back(toI32(size));
  args.push_back(launch.getDynamicSharedMemorySize()
                     ? toI32(launch.getDynamicSharedMemorySize())
                     : LLVM::ConstantOp::create(builder, loc,
                                                builder.getI32IntegerAttr(0)));
  args.push_back(slots ? slotPointers
                       : LLVM::ZeroOp::create(builder, loc, ptr));
  callOrReturn(launch, launchFn, args);
  launch.erase();
  return success();
}

void LaunchLowering::lower(memref::AllocOp alloc) {
  builder.setInsertionPoint(alloc);
  MemRefType type = alloc.getType();
  SmallVector<Value> sizes;
  auto dynamic = alloc.getDynamicSizes().begin();
  for (int64_t size : type.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? toI64(*dynamic++)
                                                : constant(size));
  Value pointer =
      LLVM::CallOp::create(
          builder, loc, LLVM::LLVMFunctionType::get(ptr, {ptr, i64}),
          ValueRange{allocateFn, context, getByteSize(type, sizes)})
          .getResult();
  alloc.replaceAllUsesWith(
      makeContiguousBuffer(builder, loc, converter, type, pointer, sizes));
  alloc.erase();
}

void LaunchLowering::lower(memref::CopyOp copy) {
  builder.setInsertionPoint(copy);
  Value source = copy.getSource();
  auto type = cast<MemRefType>(source.getType());
  SmallVector<Value> sizes;
  for (int64_t d = 0, e = type.getRank(); d < e; ++d)
    sizes.push_back(type.isDynamicDim(d)
                        ? toI64(memref::DimOp::create(builder, loc, source, d))
                        : constant(type.getDimSize(d)));
  Value bytes = getByteSize(type, sizes);
  Value from = getPointer(source), to = getPointer(copy.getTarget());
  if (!type.hasStaticShape())
    beginIf(copy, LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne,
                                       bytes, constant(0)));
  if (!type.hasStaticShape() || type.getNumElements() != 0)
    callOrReturn(copy, copyFn, {context, to, from, bytes});
  copy.erase();
}

LogicalResult LaunchLowering::run() {
  SmallVector<Operation *> ops;
  entry.walk([&](Operation *op) { ops.push_back(op); });
  makePreamble();
  for (Operation *op : ops) {
    loc = op->getLoc();
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      lower(alloc);
    else if (auto copy = dyn_cast<memref::CopyOp>(op))
      lower(copy);
    else if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
      dealloc.erase(); // the workspace lives until the call's work is done
    else if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
      if (failed(lower(launch)))
        return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

struct LowerLaunchesPass final
    : hipfuse::impl::LowerLaunchesPassBase<LowerLaunchesPass> {
  using Base::Base;

  /// Drops the device code of functions that cannot have it.
  void dropRefused(StringRef chip);
  /// Drops kernels that nothing launches and numbers the others.
  KernelNumbers numberKernels();

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto target = module->getAttrOfType<lm::TargetAttr>(lm::TargetAttr::kName);
    if (!target || target.isHost()) {
      module.emitError("launches need a '")
          << lm::TargetAttr::kName << "' that is a device; lm-attach-target "
          << "gives the module one";
      return signalPassFailure();
    }
    dropRefused(target.getChip());
    KernelNumbers numbers = numberKernels();
    for (auto entry : module.getOps<func::FuncOp>()) {
      if (!entry->hasAttr("lm.device_entry"))
        continue;
      if (failed(LaunchLowering(entry, numbers).run()))
        return signalPassFailure();
      ++numEntries;
    }
    module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }
};

void LowerLaunchesPass::dropRefused(StringRef chip) {
  ModuleOp module = getOperation();
  SmallVector<lm::EntryPointAttr> entries = lm::getEntryPoints(module);
  for (lm::EntryPointAttr &entry : entries) {
    SmallVector<lm::DeviceCodeAttr> codes = lm::getDeviceCodes(entry);
    llvm::erase_if(codes, [&](lm::DeviceCodeAttr code) {
      auto function = module.lookupSymbol<func::FuncOp>(code.getLaunch());
      if (!function || !warnOfRefusals(function, entry.getName(), chip))
        return false;
      function.erase();
      ++numRefused;
      return true;
    });
    entry = lm::replaceDeviceCodes(entry, codes);
  }
  if (!entries.empty())
    lm::setEntryPoints(module, entries);
}

KernelNumbers LowerLaunchesPass::numberKernels() {
  ModuleOp module = getOperation();
  llvm::StringSet<> launched;
  bool hasEntries = false;
  for (auto entry : module.getOps<func::FuncOp>()) {
    hasEntries |= entry->hasAttr("lm.device_entry");
    entry.walk([&](gpu::LaunchFuncOp launch) {
      launched.insert(launch.getKernelName());
    });
  }
  KernelNumbers numbers;
  SmallVector<StringRef> names;
  bool hasModule = false;
  for (auto kernels :
       llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
    // Without entries there is nothing to make a code object for.
    if (!hasEntries) {
      kernels.erase();
      continue;
    }
    hasModule = true;
    for (auto kernel :
         llvm::make_early_inc_range(kernels.getOps<gpu::GPUFuncOp>())) {
      if (launched.contains(kernel.getName()))
        names.push_back(kernel.getName());
      else if (kernel.isKernel())
        kernel.erase();
    }
    for (auto global :
         llvm::make_early_inc_range(kernels.getOps<LLVM::GlobalOp>()))
      if (SymbolTable::symbolKnownUseEmpty(global, kernels))
        global.erase();
  }
  // Copies alone still belong to a target, which a code object stands for.
  if (hasEntries && !hasModule) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    gpu::GPUModuleOp::create(builder, module.getLoc(), "hipfuse_kernels");
  }
  llvm::sort(names);
  for (auto [i, name] : llvm::enumerate(names))
    numbers[name] = i;
  return numbers;
}

} // namespace
