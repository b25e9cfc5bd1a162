//===-- AttentionProblem.cpp - What an attention kernel computes ----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static constexpr int64_t kListAlignment = AttentionPlanOp::kListAlignment;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

template <typename OpTy>
static AttentionProblem commonOf(OpTy op) {
  AttentionProblem problem;
  problem.op = op;
  problem.q = op.getQ();
  problem.out = op.getOut();
  problem.lse = op.getLse();
  problem.qScale = op.getQScale();
  problem.plan.assign(op.getPlan().begin(), op.getPlan().end());
  auto type = cast<MemRefType>(op.getQ().getType());
  problem.heads = type.getDimSize(1);
  problem.columns = type.getDimSize(2);
  problem.valueColumns = columnsOf(op.getOut());
  problem.qLen = 1;
  problem.a8w8 = op.getCompute() == AttentionCompute::A8W8;
  problem.smScale = op.getSmScale().convertToFloat();
  return problem;
}

AttentionProblem AttentionProblem::of(MlaDecodeOp op) {
  AttentionProblem problem = commonOf(op);
  problem.blockTable = op.getBlockTable();
  problem.qLen = op.getQLen();
  problem.scopes.push_back({op.getLayout(), /*pageSize=*/0, op.getCache(),
                            /*slots=*/Value(), op.getLengths(),
                            op.getKvScale()});
  return problem;
}

AttentionProblem AttentionProblem::of(SparseMlaDecodeOp op) {
  AttentionProblem problem = commonOf(op);
  problem.sink = op.getSink();
  auto size = [](std::optional<uint64_t> pageSize) {
    return static_cast<int64_t>(pageSize.value_or(0));
  };
  problem.scopes.push_back({op.getLayout(), size(op.getPageSize()),
                            op.getCache(), op.getSlots(), op.getLengths(),
                            op.getKvScale()});
  if (op.getExtraCache())
    problem.scopes.push_back({*op.getExtraLayout(), size(op.getExtraPageSize()),
                              op.getExtraCache(), op.getExtraSlots(),
                              op.getExtraLengths(), op.getExtraKvScale()});
  return problem;
}

Refusal AttentionProblem::check() const {
  if (auto sparse = dyn_cast<SparseMlaDecodeOp>(op))
    if (!sparse.getExtraPlan().empty())
      return "a plan for each of two scopes; one launch needs one plan of both";
  auto refuse = [](Value memref, StringRef name) -> Refusal {
    if (!memref)
      return std::nullopt;
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) ||
        strides.back() != 1)
      return (name + " whose last dimension is not contiguous").str();
    return std::nullopt;
  };
  if (Refusal refusal = refuse(q, "a q"))
    return refusal;
  for (const ScopeOperands &scope : scopes)
    if (Refusal refusal = refuse(scope.cache, "a cache"))
      return refusal;
  return refuse(out, "an out");
}

Refusal AttentionProblem::checkKeys() const {
  constexpr int64_t kAccessBytes = 16;
  for (const ScopeOperands &scope : scopes) {
    auto type = cast<MemRefType>(scope.cache.getType());
    auto [strides, offset] = type.getStridesAndOffset();
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    SmallVector<int64_t> steps(strides.begin(), strides.end() - 1);
    steps.push_back(offset);
    for (int64_t step : steps)
      if (ShapedType::isDynamic(step) || step * bytes % kAccessBytes != 0)
        return "a cache whose keys do not start at multiples of 16 bytes";
  }
  return std::nullopt;
}

int64_t AttentionProblem::getNumPartials() const {
  return cast<MemRefType>(plan[4].getType()).getDimSize(0);
}

int64_t AttentionProblem::getNumClusters() const {
  return cast<MemRefType>(plan[1].getType()).getDimSize(0) - 1;
}

Value AttentionProblem::hostClusters(KernelBuilder &b) const {
  if (hasPlan())
    return b.hostNumber(getNumClusters());
  return b.host().createOrFold<arith::DivUIOp>(b.getLoc(), b.hostSize(out, 0),
                                               b.hostNumber(qLen));
}

//===----------------------------------------------------------------------===//
// Partial results
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kSharedAttr = "lm.shared_partials";

/// The function's shared memory of this type.
static Value sharedMemory(Operation *op, MemRefType type) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  Block &entry = function.getFunctionBody().front();
  for (auto alloc : entry.getOps<memref::AllocOp>())
    if (alloc->hasAttr(kSharedAttr) && alloc.getType() == type)
      return alloc;
  OpBuilder builder = OpBuilder::atBlockBegin(&entry);
  auto alloc = memref::AllocOp::create(builder, op->getLoc(), type);
  alloc->setAttr(kSharedAttr, builder.getUnitAttr());
  return alloc;
}

Partials Partials::of(const AttentionProblem &problem) {
  if (!problem.hasPlan())
    return {};
  int64_t rows = problem.getNumPartials() * problem.qLen;
  Type f32 = Float32Type::get(problem.op->getContext());
  return {
      sharedMemory(
          problem.op,
          MemRefType::get({rows, problem.heads, problem.valueColumns}, f32)),
      sharedMemory(problem.op, MemRefType::get({rows, problem.heads}, f32))};
}

//===----------------------------------------------------------------------===//
// Works
//===----------------------------------------------------------------------===//

AttentionKernel::AttentionKernel(KernelBuilder &b,
                                 const AttentionProblem &problem)
    : b(b), problem(problem) {
  for (const ScopeOperands &scope : problem.scopes) {
    caches.push_back(b.buffer(scope.cache));
    slots.push_back(b.buffer(scope.slots));
    lengths.push_back(b.buffer(scope.lengths));
    numPages.push_back(b.size(scope.cache, 0));
    pageSizes.push_back(scope.pageSize ? b.i32(scope.pageSize)
                                       : b.size(scope.cache, 1));
  }
  if (problem.isPaged()) {
    table = b.buffer(problem.blockTable);
    tableColumns = b.size(problem.blockTable, 1);
  }
  if (problem.hasPlan()) {
    works = b.buffer(problem.plan[0]);
    workIndptr = b.buffer(problem.plan[1]);
  }
}

void AttentionKernel::loadScalars() {
  for (const ScopeOperands &scope : problem.scopes)
    kvScales.push_back(loadScalar(scope.kvScale));
  qScale = loadScalar(problem.qScale);
}

/// The element of a memref with one element; null for a null memref.
Value AttentionKernel::loadScalar(Value memref) {
  if (!memref)
    return {};
  Buffer buffer = b.buffer(memref);
  return b.load(buffer, Value(), Value(), /*lanes=*/1, /*constant=*/true);
}

Value AttentionKernel::loadI32(const Buffer &buffer, ValueRange indices) {
  return toI32(b.load(buffer, b.rowOffset(buffer, indices), Value(),
                      /*lanes=*/1, /*constant=*/true));
}

/// What i32 does not hold is no slot, page or length either.
Value AttentionKernel::toI32(Value value) {
  if (value.getType() != b.getI64Type())
    return value;
  auto i64 = [&](int64_t bound) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(bound));
  };
  value = b.maxsi(value, i64(-1));
  value = b.minsi(value, i64(std::numeric_limits<int32_t>::max()));
  return arith::TruncIOp::create(b, b.getI32Type(), value);
}

void AttentionKernel::findLengths(AttentionWork &work) {
  for (auto [scope, buffer] : llvm::zip(problem.scopes, lengths)) {
    Value columns;
    if (scope.slots)
      columns = b.i32(cast<MemRefType>(scope.slots.getType()).getDimSize(1));
    Value length =
        buffer ? b.maxsi(loadI32(buffer, work.request), b.i32(0)) : columns;
    if (buffer && columns)
      length = b.minsi(length, columns);
    work.lengths.push_back(length);
  }
  if (work.lengths.size() > 1)
    work.secondBegin =
        b.andi(b.addi(work.lengths[0], b.i32(kListAlignment - 1)),
               b.i32(-kListAlignment));
}

AttentionWork AttentionKernel::wholeRequest(Value request) {
  AttentionWork work;
  work.request = request;
  work.partialRow = b.i32(-1);
  work.firstRow = b.muli(request, b.i32(problem.qLen));
  work.lastRow = b.addi(work.firstRow, b.i32(problem.qLen));
  work.begin = b.i32(0);
  findLengths(work);
  work.end = work.secondBegin ? b.addi(work.secondBegin, work.lengths[1])
                              : work.lengths[0];
  return work;
}

SmallVector<Value> AttentionKernel::loadWork(Value number) {
  Value offset = b.rowOffset(works, number);
  return {b.load(works, offset, Value(), /*lanes=*/4, /*constant=*/true),
          b.load(works, offset, b.i32(4), /*lanes=*/4, /*constant=*/true)};
}

AttentionWork AttentionKernel::plannedWork(ValueRange row) {
  AttentionWork work;
  Value fields = row[0], more = row[1];
  auto field = [&](Value vector, int64_t index) -> Value {
    return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
  };
  work.request = field(fields, 0);
  work.partialRow = field(fields, 1);
  work.firstRow = field(fields, 2);
  work.lastRow = field(fields, 3);
  Value first = field(more, 0), last = field(more, 1), after = field(more, 2);
  findLengths(work);
  if (!problem.isPaged()) {
    // The keys of a request start at a multiple of the lists' columns.
    int64_t stride = 0;
    for (const ScopeOperands &scope : problem.scopes) {
      stride = llvm::alignTo(stride, kListAlignment);
      stride += cast<MemRefType>(scope.slots.getType()).getDimSize(1);
    }
    Value base = b.muli(work.request, b.i32(stride));
    work.begin = b.subi(first, base);
    work.end = b.subi(last, base);
    return work;
  }
  // The pages before the request are not known, but the tokens after the work.
  Value pageSize = pageSizes[0];
  Value end = b.subi(work.lengths[0], after);
  Value pages = arith::DivUIOp::create(
      b, b.addi(end, b.subi(pageSize, b.i32(1))), pageSize);
  work.begin = b.muli(b.subi(pages, b.subi(last, first)), pageSize);
  work.end = b.maxsi(end, work.begin);
  return work;
}

SmallVector<Value> AttentionKernel::forWorks(
    Value workgroup, ValueRange init,
    function_ref<SmallVector<Value>(const AttentionWork &, ValueRange)> body) {
  if (!problem.hasPlan())
    return body(wholeRequest(workgroup), init);
  Value first = loadI32(workIndptr, workgroup);
  Value last = loadI32(workIndptr, b.addi(workgroup, b.i32(1)));
  // Where no workgroup before has more works than one, the first work has this
  // workgroup's number: its row is there as soon as the number is.
  Value numWorks = b.size(problem.plan[0], 0);
  auto four = VectorType::get({4}, b.getI32Type());
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(four));
  SmallVector<Value> guess =
      b.ifElse(b.cmpi(IPredicate::ult, workgroup, numWorks),
               [&] { return loadWork(workgroup); }, {none, none});
  Value isOther = b.andi(b.cmpi(IPredicate::ne, first, workgroup),
                         b.cmpi(IPredicate::slt, first, last));
  SmallVector<Value> values =
      b.ifElse(isOther, [&] { return loadWork(first); }, guess);
  values.append(init.begin(), init.end());
  auto loop = scf::ForOp::create(b, first, last, b.i32(1), values);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ValueRange carried = loop.getRegionIterArgs();
  Value next = b.addi(loop.getInductionVar(), b.i32(1));
  next = b.minsi(next, b.addi(last, b.i32(-1)));
  // Asked for before the work, for which it is not needed.
  SmallVector<Value> nextValues = loadWork(next);
  SmallVector<Value> results =
      body(plannedWork(carried.take_front(2)), carried.drop_front(2));
  nextValues.append(results);
  scf::YieldOp::create(b, nextValues);
  return SmallVector<Value>(loop.getResults().drop_front(2));
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

std::pair<Value, Value> AttentionKernel::indexOfEntry(const AttentionWork &work,
                                                      unsigned scope,
                                                      Value index) {
  Value exists = b.cmpi(IPredicate::ult, index, work.lengths[scope]);
  if (problem.isPaged()) {
    index = arith::DivUIOp::create(b, index, pageSizes[scope]);
    exists = b.andi(exists, b.cmpi(IPredicate::ult, index, tableColumns));
  }
  return {exists, index};
}

EntryPlace AttentionKernel::placeOfEntry(const AttentionWork &work,
                                         unsigned scope, Value index) {
  EntryPlace place;
  std::tie(place.exists, index) = indexOfEntry(work, scope, index);
  const Buffer &list = listOf(scope);
  place.pointer =
      b.address(list, b.rowOffset(list, {work.request, index}), Value());
  return place;
}

Value AttentionKernel::entryOf(Value element, Value exists) {
  return b.select(exists, toI32(element), b.i32(-1));
}

Value AttentionKernel::loadEntry(const AttentionWork &work, unsigned scope,
                                 Value index) {
  Value exists;
  std::tie(exists, index) = indexOfEntry(work, scope, index);
  // What is not in a list or table is not loaded.
  return b.ifElse(
      exists,
      [&] {
        return SmallVector<Value>{
            loadI32(listOf(scope), {work.request, index})};
      },
      b.i32(-1))[0];
}

KeyPlace AttentionKernel::findKey(unsigned scope, Value index, Value entry) {
  const ScopeOperands &operands = problem.scopes[scope];
  Value pageSize = pageSizes[scope];
  KeyPlace key;
  key.visible = b.cmpi(IPredicate::sge, entry, b.i32(0));
  Value page = entry;
  if (!problem.isPaged()) {
    index = entry;
    page = arith::DivUIOp::create(b, entry, pageSize);
  }
  Value place = arith::RemUIOp::create(b, index, pageSize);
  // As an unsigned number a negative page is beyond the cache.
  key.visible =
      b.andi(key.visible, b.cmpi(IPredicate::ult, page, numPages[scope]));

  const Buffer &buffer = caches[scope];
  int64_t elementBytes = buffer.elementBytes();
  auto bytes = [&](Value elements) {
    return elementBytes == 1
               ? elements
               : b.muli(elements, arith::ConstantOp::create(
                                      b, b.getI64IntegerAttr(elementBytes)));
  };
  auto i64 = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  Value pageBytes = bytes(b.muli(b.zext64(page), buffer.strides[0]));
  Value row = b.zext64(place);
  switch (operands.layout) {
  case CacheLayout::Bf16:
  case CacheLayout::Fp8:
    key.offset = b.addi(pageBytes, bytes(b.muli(row, buffer.strides[1])));
    break;
  case CacheLayout::DsMla656:
    key.offset = b.addi(pageBytes, b.muli(row, buffer.strides[1]));
    key.scales = b.addi(key.offset, i64(512));
    break;
  case CacheLayout::DsMla584:
    key.offset = b.addi(pageBytes, b.muli(row, i64(576)));
    key.scales = b.addi(b.addi(pageBytes, b.muli(row, i64(8))),
                        i64(576 * operands.pageSize));
    break;
  }
  return key;
}

Value AttentionKernel::visibleKeys(const AttentionWork &work, Value row) {
  // Query i of a request sees the tokens up to i + length - q_len.
  Value first = b.muli(work.request, b.i32(problem.qLen));
  return b.subi(b.addi(work.lengths[0], b.subi(row, first)),
                b.i32(problem.qLen - 1));
}

Value AttentionKernel::logitFactor(unsigned scope) {
  Value factor = b.f32(problem.smScale);
  if (qScale)
    factor = b.mulf(factor, qScale);
  if (kvScales[scope])
    factor = b.mulf(factor, kvScales[scope]);
  return factor;
}

Value AttentionKernel::valueFactor(unsigned scope) { return kvScales[scope]; }
