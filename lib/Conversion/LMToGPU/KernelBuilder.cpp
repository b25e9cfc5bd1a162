//===-- KernelBuilder.cpp - Build and launch one kernel -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OperationSupport.h"

#include <numeric>

using namespace mlir;
using namespace mlir::lm;

/// Alignment that every buffer has, in bytes: that of the widest access.
static constexpr int64_t kBufferAlignment = 16;

KernelBuilder::KernelBuilder(Operation *op, const EmitterContext &context,
                             int64_t threads, int64_t vector)
    : RowBuilder(op->getLoc(), op, vector), op(op), kernels(context.kernels),
      target(context.target), threads(threads), hostBuilder(op) {
  useNativeBf16();
  setInsertionPointToEnd(kernels.getBody());
  kernel = gpu::GPUFuncOp::create(*this, op->getName().stripDialect(),
                                  getFunctionType({}, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), getUnitAttr());
  kernel.setKnownBlockSize(
      ArrayRef<int32_t>{static_cast<int32_t>(threads), 1, 1});
  setInsertionPointToStart(&kernel.getBody().front());
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

Value KernelBuilder::addParameter(Type type, Value host) {
  unsigned index = kernel.getNumArguments();
  (void)kernel.insertArgument(index, type, {}, getLoc());
  arguments.push_back(host);
  return kernel.getArgument(index);
}

Value KernelBuilder::parameter(Value host) {
  Value &known = parameters[host];
  if (known)
    return known;
  if (host.getType().isIndex())
    return known = addParameter(
               getI64Type(), arith::IndexCastOp::create(hostBuilder, getLoc(),
                                                        getI64Type(), host));
  return known = addParameter(host.getType(), host);
}

Value KernelBuilder::hostSize(Value memref, int64_t dim) {
  Value &known = hostSizes[{memref, dim}];
  if (!known)
    known = hostBuilder.createOrFold<memref::DimOp>(getLoc(), memref, dim);
  return known;
}

Value KernelBuilder::hostSize(Value memref, int64_t firstDim, int64_t lastDim) {
  Value product = hostNumber(1);
  for (int64_t dim = firstDim; dim < lastDim; ++dim)
    product = hostBuilder.createOrFold<arith::MulIOp>(getLoc(), product,
                                                      hostSize(memref, dim));
  return product;
}

Value KernelBuilder::hostRows(Value memref) {
  return hostSize(memref, 0, cast<MemRefType>(memref.getType()).getRank() - 1);
}

Value KernelBuilder::hostGroups(Value count, int64_t size) {
  Value last = hostBuilder.createOrFold<arith::AddIOp>(getLoc(), count,
                                                       hostNumber(size - 1));
  return hostBuilder.createOrFold<arith::DivUIOp>(getLoc(), last,
                                                  hostNumber(size));
}

Value KernelBuilder::hostNumber(int64_t value) {
  return arith::ConstantIndexOp::create(hostBuilder, getLoc(), value);
}

Value KernelBuilder::size(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return i32(type.getDimSize(dim));
  return parameter32(hostSize(memref, dim));
}

Buffer KernelBuilder::buffer(Value memref) {
  if (!memref)
    return {};
  Location loc = getLoc();
  OpBuilder &h = hostBuilder;
  Buffer buffer;
  buffer.type = cast<MemRefType>(memref.getType());
  Type element = buffer.type.getElementType();
  buffer.element = element.getIntOrFloatBitWidth() == 8 ? getI8Type() : element;
  int64_t elementBytes = buffer.elementBytes();

  auto [strides, offset] = buffer.type.getStridesAndOffset();
  buffer.alignment = kBufferAlignment;
  auto divides = [&](int64_t elements) {
    buffer.alignment =
        ShapedType::isDynamic(elements)
            ? elementBytes
            : std::gcd(buffer.alignment, elements * elementBytes);
  };
  divides(offset);
  memref::ExtractStridedMetadataOp metadata;
  for (auto [dim, stride] : llvm::enumerate(strides)) {
    if (dim + 1 < strides.size())
      divides(stride);
    if (ShapedType::isDynamic(stride)) {
      if (!metadata)
        metadata = memref::ExtractStridedMetadataOp::create(h, loc, memref);
      buffer.strides.push_back(parameter(metadata.getStrides()[dim]));
      continue;
    }
    buffer.strides.push_back(
        arith::ConstantOp::create(*this, getI64IntegerAttr(stride)));
  }

  // One parameter per memref, with the offset in the pointer.
  auto [known, isNew] = buffers.try_emplace(memref, kernel.getNumArguments());
  if (!isNew) {
    buffer.pointer = kernel.getArgument(known->second);
    return buffer;
  }
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(h, loc, memref);
  if (offset != 0) {
    if (!metadata)
      metadata = memref::ExtractStridedMetadataOp::create(h, loc, memref);
    Value bytes = arith::MulIOp::create(
        h, loc, metadata.getOffset(),
        arith::ConstantIndexOp::create(h, loc, elementBytes));
    base = arith::AddIOp::create(h, loc, base, bytes);
  }
  Value integer = arith::IndexCastOp::create(h, loc, h.getI64Type(), base);
  auto type = LLVM::LLVMPointerType::get(getContext(), /*addressSpace=*/1);
  known->second = kernel.getNumArguments();
  buffer.pointer =
      addParameter(type, LLVM::IntToPtrOp::create(h, loc, type, integer));
  return buffer;
}

Buffer Buffer::advanced(RowBuilder &b, int64_t columns) const {
  Buffer result = *this;
  result.pointer =
      LLVM::GEPOp::create(b, pointer.getType(), element, pointer,
                          LLVM::GEPArg(static_cast<int32_t>(columns)),
                          LLVM::GEPNoWrapFlags::inbounds);
  result.alignment =
      std::gcd(alignment, columns * element.getIntOrFloatBitWidth() / 8);
  return result;
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

void KernelBuilder::setBytesPerRow(int64_t bytes) {
  kernel->setAttr("lm.bytes_per_row", getI64IntegerAttr(bytes));
}

void KernelBuilder::useArchitectureFeatures() {
  kernel->setAttr("lm.architecture_specific", getUnitAttr());
}

void KernelBuilder::limitRegisters(int64_t registers) {
  kernel->setAttr("lm.max_registers", getI64IntegerAttr(registers));
}

void KernelBuilder::startEarly() {
  if (target.vendor != hipfuse::Vendor::NVIDIA)
    return;
  startsEarly = true;
  kernel->setAttr("lm.starts_early", getUnitAttr());
}

void KernelBuilder::awaitLaunchBefore() {
  if (!startsEarly)
    return;
  assembly({}, "griddepcontrol.wait;", "~{memory}", {});
  assembly({}, "griddepcontrol.launch_dependents;", "~{memory}", {});
}

/// A kernel of the module that equals `kernel` but for its name, else null.
static gpu::GPUFuncOp findEqual(gpu::GPUModuleOp kernels,
                                gpu::GPUFuncOp kernel) {
  for (auto other : kernels.getOps<gpu::GPUFuncOp>()) {
    if (other == kernel ||
        other.getFunctionType() != kernel.getFunctionType() ||
        other.getKnownBlockSize() != kernel.getKnownBlockSize() ||
        other->getAttr("lm.bytes_per_row") !=
            kernel->getAttr("lm.bytes_per_row") ||
        other->getAttr("lm.dynamic_lds") != kernel->getAttr("lm.dynamic_lds") ||
        other->getAttr("lm.max_registers") !=
            kernel->getAttr("lm.max_registers"))
      continue;
    if (OperationEquivalence::isRegionEquivalentTo(
            &other.getBody(), &kernel.getBody(),
            OperationEquivalence::IgnoreLocations))
      return other;
  }
  return {};
}

void KernelBuilder::launch(ValueRange grid) {
  enqueue(grid);
  op->erase();
}

void KernelBuilder::enqueue(ValueRange grid, int64_t dynamicLds) {
  gpu::ReturnOp::create(*this);
  if (dynamicLds)
    kernel->setAttr("lm.dynamic_lds", getI64IntegerAttr(dynamicLds));
  std::string stem = name.empty() ? op->getName().stripDialect().str() : name;
  gpu::GPUFuncOp callee = findEqual(kernels, kernel);
  if (callee) {
    kernel.erase();
  } else {
    callee = kernel;
    unsigned number = 0;
    std::string symbol;
    do {
      symbol = stem + "_" + std::to_string(number++);
    } while (kernels.lookupSymbol(symbol));
    callee.setName(symbol);
  }
  SmallVector<Value, 3> sizes(grid);
  while (sizes.size() < 3)
    sizes.push_back(hostNumber(1));
  gpu::LaunchFuncOp::create(
      hostBuilder, getLoc(), callee,
      gpu::KernelDim3{sizes[0], sizes[1], sizes[2]},
      gpu::KernelDim3{hostNumber(threads), hostNumber(1), hostNumber(1)},
      dynamicLds ? arith::ConstantIntOp::create(hostBuilder, getLoc(),
                                                dynamicLds, /*width=*/32)
                       .getResult()
                 : Value(),
      arguments);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Value KernelBuilder::thread() {
  if (!threadId) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(&kernel.getBody().front());
    Value id = gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
    threadId = arith::IndexCastOp::create(*this, getI32Type(), id);
  }
  return threadId;
}

Value KernelBuilder::workgroup(unsigned dim) {
  Value id = gpu::BlockIdOp::create(*this, static_cast<gpu::Dimension>(dim));
  return arith::IndexCastOp::create(*this, getI32Type(), id);
}

Value KernelBuilder::wave() {
  Value number = divui(thread(), target.waveSize);
  // What depends on the wave alone is then scalar on AMD.
  if (target.vendor == hipfuse::Vendor::AMD)
    number = intrinsic("llvm.amdgcn.readfirstlane.i32", getI32Type(), {number});
  return number;
}

Value KernelBuilder::laneInWave() { return remui(thread(), target.waveSize); }

Value KernelBuilder::parameter32(Value host) {
  return arith::TruncIOp::create(*this, getI32Type(), parameter(host));
}

Value KernelBuilder::zext64(Value value) {
  if (value.getType() == getI64Type())
    return value;
  return arith::ExtUIOp::create(*this, getI64Type(), value);
}

Value KernelBuilder::below(Value value, int64_t bound) {
  return cmpi(arith::CmpIPredicate::ult, value, i32(bound));
}

Value KernelBuilder::isZero(Value value) {
  return cmpi(arith::CmpIPredicate::eq, value, i32(0));
}

Value KernelBuilder::isNonZero(Value value) {
  return cmpi(arith::CmpIPredicate::ne, value, i32(0));
}

void KernelBuilder::barrier() { gpu::BarrierOp::create(*this); }

void KernelBuilder::issueLoads() {
  // No instruction, but one that might write memory.
  assembly(TypeRange(), "", "~{memory}", ValueRange());
}

SmallVector<Value>
KernelBuilder::ifElse(Value condition, function_ref<SmallVector<Value>()> then,
                      ValueRange otherwise) {
  return ifElse(condition, then, [&] { return SmallVector<Value>(otherwise); });
}

SmallVector<Value>
KernelBuilder::ifElse(Value condition, function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  // What the functions build may look at what is around it, so that it cannot
  // wait for an operation whose results are known: it moves there.
  auto draft = scf::IfOp::create(*this, TypeRange(), condition,
                                 /*withElseRegion=*/true);
  auto fill = [&](Region &region, function_ref<SmallVector<Value>()> body) {
    OpBuilder::InsertionGuard guard(*this);
    region.front().clear();
    setInsertionPointToStart(&region.front());
    SmallVector<Value> values = body();
    scf::YieldOp::create(*this, values);
    return values;
  };
  SmallVector<Value> values = fill(draft.getThenRegion(), then);
  fill(draft.getElseRegion(), otherwise);
  auto branch = scf::IfOp::create(*this, ValueRange(values).getTypes(),
                                  condition, /*withElseRegion=*/true);
  branch.getThenRegion().takeBody(draft.getThenRegion());
  branch.getElseRegion().takeBody(draft.getElseRegion());
  draft.erase();
  return SmallVector<Value>(branch.getResults());
}

Value KernelBuilder::loop(Value begin, Value end, int64_t step, Value init,
                          function_ref<Value(Value, Value)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, i32(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(*this, next);
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::rowOffset(const Buffer &buffer, ValueRange indices) {
  Value offset;
  for (auto [index, stride] : llvm::zip(indices, buffer.strides)) {
    Value term = muli(zext64(index), stride);
    offset = offset ? addi(offset, term) : term;
  }
  return offset ? offset
                : arith::ConstantOp::create(*this, getI64IntegerAttr(0))
                      .getResult();
}

SmallVector<Value> KernelBuilder::rowIndices(Value memref, Value row,
                                             int64_t first, int64_t inner) {
  int64_t last = cast<MemRefType>(memref.getType()).getRank() - inner;
  SmallVector<Value> indices(std::max<int64_t>(last - first, 0));
  for (int64_t dim = last - 1; dim > first; --dim) {
    Value bound = size(memref, dim);
    indices[dim - first] = arith::RemUIOp::create(*this, row, bound);
    row = arith::DivUIOp::create(*this, row, bound);
  }
  if (last > first)
    indices[0] = row;
  return indices;
}

Value KernelBuilder::address(const Buffer &buffer, Value offset, Value column) {
  Type type = buffer.pointer.getType();
  Value pointer = buffer.pointer;
  auto advance = [&](Value by) {
    pointer =
        LLVM::GEPOp::create(*this, type, buffer.element, pointer,
                            LLVM::GEPArg(by), LLVM::GEPNoWrapFlags::inbounds);
  };
  if (offset)
    advance(offset);
  if (column)
    advance(zext64(column));
  return pointer;
}

/// The alignment of an access of `bytes` in a row that starts at a multiple of
/// `alignment`, at a multiple of its own width.
static unsigned accessAlignment(int64_t alignment, int64_t bytes,
                                int64_t elementBytes) {
  int64_t width = bytes & -bytes;
  return std::max(std::min(alignment, width), elementBytes);
}

Value KernelBuilder::load(const Buffer &buffer, Value offset, Value column,
                          int64_t lanes, bool constant) {
  int64_t elementBytes = buffer.elementBytes();
  Type type = lanes == 1 ? buffer.element : vectorOf(buffer.element, lanes);
  auto op = LLVM::LoadOp::create(
      *this, type, address(buffer, offset, column),
      accessAlignment(buffer.alignment, lanes * elementBytes, elementBytes));
  op.setInvariant(constant && !startsEarly);
  return op;
}

Value KernelBuilder::loadInteger(const Buffer &buffer, Value offset,
                                 Value column) {
  Value number = load(buffer, offset, column, /*lanes=*/1);
  if (number.getType() == getI64Type())
    return number;
  return arith::ExtSIOp::create(*this, getI64Type(), number);
}

Value KernelBuilder::loadF32(const Buffer &buffer, Value offset, Value column,
                             int64_t lanes, bool constant) {
  return extendToF32(*this, load(buffer, offset, column, lanes, constant));
}

void KernelBuilder::store(Value value, const Buffer &buffer, Value offset,
                          Value column) {
  int64_t elementBytes = buffer.elementBytes();
  auto vector = dyn_cast<VectorType>(value.getType());
  int64_t bytes = (vector ? vector.getNumElements() : 1) * elementBytes;
  LLVM::StoreOp::create(*this, value, address(buffer, offset, column),
                        accessAlignment(buffer.alignment, bytes, elementBytes));
}

void KernelBuilder::storeF32(Value value, const Buffer &buffer, Value offset,
                             Value column) {
  store(truncateTo(*this, value, buffer.element), buffer, offset, column);
}

Value KernelBuilder::ldsAddress(StringRef name, int64_t bytes, Value index) {
  auto type = LLVM::LLVMArrayType::get(getI8Type(), bytes);
  if (!kernels.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(kernels.getBody());
    LLVM::GlobalOp::create(*this, type, /*isConstant=*/false,
                           LLVM::Linkage::Internal, name, Attribute(),
                           kBufferAlignment, /*addrSpace=*/3);
  }
  auto pointer = LLVM::LLVMPointerType::get(getContext(), /*addressSpace=*/3);
  Value base = LLVM::AddressOfOp::create(*this, pointer, name);
  return LLVM::GEPOp::create(*this, pointer, getI32Type(), base,
                             LLVM::GEPArg(index));
}

Value KernelBuilder::dynamicLds() {
  constexpr StringLiteral kName = "lds_dynamic";
  auto type = LLVM::LLVMArrayType::get(getI8Type(), 0);
  if (!kernels.lookupSymbol(kName)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(kernels.getBody());
    // Matrix instructions read memory in patterns of 1024 bytes.
    LLVM::GlobalOp::create(*this, type, /*isConstant=*/false,
                           LLVM::Linkage::External, kName, Attribute(),
                           /*alignment=*/1024, /*addrSpace=*/3);
  }
  auto pointer = LLVM::LLVMPointerType::get(getContext(), /*addressSpace=*/3);
  return LLVM::AddressOfOp::create(*this, pointer, kName);
}

//===----------------------------------------------------------------------===//
// Intrinsics
//===----------------------------------------------------------------------===//

Value KernelBuilder::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(*this, result, getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value KernelBuilder::assembly(TypeRange results, StringRef text,
                              StringRef constraints, ValueRange operands) {
  auto op = LLVM::InlineAsmOp::create(
      *this, results, operands, text, constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  return results.empty() ? Value() : op.getRes();
}
