//===-- SlotKernels.cpp - Kernels of slot lists ---------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A workgroup makes a row, a column per thread. Where slots are packed, a
// thread's place is the number of slots before its own: lanes of the wave by a
// ballot, waves by LDS. Rows longer than a workgroup come in chunks.
//
// Entries and slots are i64 inside, whatever memory holds.
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RowTile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// Threads of a workgroup where each has an element.
static constexpr int64_t kElementThreads = 256;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

static Value i64(KernelBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
}

/// Stores an i32 or i64 number as the buffer holds them.
static void storeNumber(KernelBuilder &b, Value number, const Buffer &buffer,
                        Value offset, Value column = Value()) {
  if (number.getType() != buffer.element) {
    if (buffer.element == b.getI64Type())
      number = arith::ExtSIOp::create(b, buffer.element, number);
    else
      number = arith::TruncIOp::create(b, buffer.element, number);
  }
  b.store(number, buffer, offset, column);
}

/// i1: `number` is not negative.
static Value isThere(KernelBuilder &b, Value number) {
  return b.cmpi(IPredicate::sge, number, i64(b, 0));
}

/// The entries that position `position` sees, i64: (position + 1) / ratio, not
/// positive where the position is negative.
static Value entriesAt(KernelBuilder &b, Value position, int64_t ratio) {
  return arith::DivSIOp::create(b, b.addi(position, 1), i64(b, ratio));
}

namespace {

/// Where the entries of one row are.
struct RowTable {
  Buffer table;
  Value request; ///< i64
  Value exists;  ///< i1: the request is one of the table
  Value columns; ///< i64
  int64_t pageSize;

  template <typename OpTy>
  static RowTable of(KernelBuilder &b, OpTy op, Value row) {
    RowTable result;
    result.table = b.buffer(op.getBlockTable());
    if (op.getRequests()) {
      Buffer requests = b.buffer(op.getRequests());
      result.request = b.loadInteger(requests, b.rowOffset(requests, row));
    } else {
      result.request = b.zext64(b.divui(row, op.getQLen()));
    }
    result.exists = b.cmpi(IPredicate::ult, result.request,
                           b.zext64(b.size(op.getBlockTable(), 0)));
    result.columns = b.zext64(b.size(op.getBlockTable(), 1));
    result.pageSize = op.getPageSize();
    return result;
  }

  /// The slot, i64, of entry `entry` >= 0 of a request that exists, if `valid`
  /// holds; negative where there is none.
  Value slotOf(KernelBuilder &b, Value valid, Value entry) const {
    Value column = b.divui(entry, pageSize), place = b.remui(entry, pageSize);
    valid = b.andi(valid, b.cmpi(IPredicate::ult, column, columns));
    Value page = b.ifElse(
        valid,
        [&]() -> SmallVector<Value> {
          return {b.loadInteger(table, b.rowOffset(table, {request}), column)};
        },
        i64(b, -1))[0];
    Value slot = b.addi(b.muli(page, pageSize), place);
    return b.select(isThere(b, page), slot, i64(b, -1));
  }
};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Builds the rows of a list of slots.
class SlotRow {
public:
  /// `slotOf` gives the slot in a column of the source, i32, as an i64 that is
  /// negative for none. It is called where the column may not be there, and
  /// gets that as an i1.
  using SlotFn = function_ref<Value(Value column, Value inside)>;

  SlotRow(KernelBuilder &b, const SlotConfig &config, Value slots,
          Value lengths, Value row)
      : b(b), config(config), slots(b.buffer(slots)),
        lengths(b.buffer(lengths)), row(row),
        offset(b.rowOffset(this->slots, row)) {}

  /// A column that is there, `column` if that is.
  Value clamp(Value column) {
    bool whole = config.threads * config.chunks == config.columns;
    return whole ? column : b.umin(column, b.i32(config.columns - 1));
  }
  /// Stores the slots to the left, then -1, and their number.
  void pack(SlotFn slotOf);
  /// Stores each slot in its column, -1 for none, and one more than the last
  /// column that has a slot.
  void keep(SlotFn slotOf);

private:
  /// Calls `body` for each chunk with this thread's column, whether it is one
  /// of the row, and a number that it returns to the next chunk; from 0 on.
  Value forChunks(function_ref<Value(Value, Value, Value)> body);
  void storeLength(Value length);

  KernelBuilder &b;
  const SlotConfig &config;
  Buffer slots, lengths;
  Value row, offset;
};

} // namespace

Value SlotRow::forChunks(function_ref<Value(Value, Value, Value)> body) {
  auto chunk = [&](Value first, Value carried) {
    Value column = b.addi(first, b.thread());
    return body(column, b.below(column, config.columns), carried);
  };
  if (config.chunks == 1)
    return chunk(b.i32(0), b.i32(0));
  auto loop =
      scf::ForOp::create(b, b.i32(0), b.i32(config.chunks * config.threads),
                         b.i32(config.threads), ValueRange{b.i32(0)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value next = chunk(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

void SlotRow::storeLength(Value length) {
  b.ifThen(b.isZero(b.thread()),
           [&] { storeNumber(b, length, lengths, b.rowOffset(lengths, row)); });
}

void SlotRow::pack(SlotFn slotOf) {
  Value count = forChunks([&](Value column, Value inside, Value count) {
    Value slot = slotOf(column, inside);
    Value known = isThere(b, slot);
    // Loads of a row come before the stores of later places, so that a list
    // may be packed in place.
    Value before, all;
    std::tie(before, all) = b.countThreads(known);
    b.ifThen(known, [&] {
      storeNumber(b, slot, slots, offset, b.addi(count, before));
    });
    if (config.chunks > 1)
      b.barrier();
    return b.addi(count, all);
  });
  forChunks([&](Value column, Value inside, Value carried) {
    Value isFree = b.andi(inside, b.cmpi(IPredicate::uge, column, count));
    b.ifThen(isFree, [&] { storeNumber(b, b.i32(-1), slots, offset, column); });
    return carried;
  });
  storeLength(count);
}

void SlotRow::keep(SlotFn slotOf) {
  Value last = forChunks([&](Value column, Value inside, Value last) {
    Value slot = slotOf(column, inside);
    b.ifThen(inside, [&] { storeNumber(b, slot, slots, offset, column); });
    return b.select(isThere(b, slot), b.addi(column, 1), last);
  });
  storeLength(b.reduceWorkgroup(
      last, [&](Value lhs, Value rhs) { return b.umax(lhs, rhs); }));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static Refusal refuseSlots(Value slots) {
  if (columnsOf(slots) == 0)
    return "lists without columns";
  return std::nullopt;
}

static Refusal emitSwaSlots(SwaSlotsOp op, EmitterContext &context) {
  if (Refusal refusal = refuseSlots(op.getSlots()))
    return refusal;
  SlotConfig config = getSlotConfig(context.target, columnsOf(op.getSlots()));
  KernelBuilder b(op, context, config.threads, /*vector=*/1);
  Value row = b.workgroup();
  RowTable table = RowTable::of(b, op, row);
  Buffer positions = b.buffer(op.getPositions());
  Value position = b.loadInteger(positions, b.rowOffset(positions, row));
  Value entries = b.select(
      table.exists, entriesAt(b, position, op.getCompressRatio()), i64(b, 0));
  Value first = b.maxsi(b.addi(entries, -static_cast<int64_t>(op.getWindow())),
                        i64(b, 0));
  SlotRow list(b, config, op.getSlots(), op.getLengths(), row);
  // No more entries than columns: the window has not more.
  list.pack([&](Value column, Value) {
    Value entry = b.addi(first, b.zext64(column));
    return table.slotOf(b, b.cmpi(IPredicate::slt, entry, entries), entry);
  });
  b.setBytesPerRow(bytesPerRow({op.getSlots()}));
  b.launch(b.hostSize(op.getSlots(), 0));
  return std::nullopt;
}

static Refusal emitTopkSlots(TopkSlotsOp op, EmitterContext &context) {
  if (Refusal refusal = refuseSlots(op.getSlots()))
    return refusal;
  SlotConfig config = getSlotConfig(context.target, columnsOf(op.getSlots()));
  KernelBuilder b(op, context, config.threads, /*vector=*/1);
  Value row = b.workgroup();
  RowTable table = RowTable::of(b, op, row);
  Buffer indices = b.buffer(op.getIndices());
  Value offset = b.rowOffset(indices, row), limit;
  if (op.getPositions()) {
    Buffer positions = b.buffer(op.getPositions());
    Value position = b.loadInteger(positions, b.rowOffset(positions, row));
    limit = entriesAt(b, position, op.getCompressRatio());
  }
  SlotRow list(b, config, op.getSlots(), op.getLengths(), row);
  auto slotOf = [&](Value column, Value inside) {
    Value entry = b.loadInteger(indices, offset, list.clamp(column));
    Value valid = b.andi(b.andi(table.exists, inside), isThere(b, entry));
    if (limit)
      valid = b.andi(valid, b.cmpi(IPredicate::slt, entry, limit));
    return table.slotOf(b, valid, entry);
  };
  if (op.getKeepHoles())
    list.keep(slotOf);
  else
    list.pack(slotOf);
  b.setBytesPerRow(bytesPerRow({op.getIndices(), op.getSlots()}));
  b.launch(b.hostSize(op.getSlots(), 0));
  return std::nullopt;
}

static Refusal emitCompactSlots(CompactSlotsOp op, EmitterContext &context) {
  if (Refusal refusal = refuseSlots(op.getPacked()))
    return refusal;
  SlotConfig config = getSlotConfig(context.target, columnsOf(op.getPacked()));
  KernelBuilder b(op, context, config.threads, /*vector=*/1);
  Value row = b.workgroup();
  Buffer slots = b.buffer(op.getSlots());
  Value offset = b.rowOffset(slots, row), length;
  if (op.getLengths()) {
    Buffer lengths = b.buffer(op.getLengths());
    length = b.loadInteger(lengths, b.rowOffset(lengths, row));
  }
  SlotRow list(b, config, op.getPacked(), op.getPackedLengths(), row);
  list.pack([&](Value column, Value inside) {
    Value slot = b.loadInteger(slots, offset, list.clamp(column));
    if (length)
      inside =
          b.andi(inside, b.cmpi(IPredicate::slt, b.zext64(column), length));
    return b.select(inside, slot, i64(b, -1));
  });
  b.setBytesPerRow(bytesPerRow({op.getSlots(), op.getPacked()}));
  b.launch(b.hostSize(op.getPacked(), 0));
  return std::nullopt;
}

/// A thread for each row.
static Refusal emitSlotLengths(SlotLengthsOp op, EmitterContext &context) {
  KernelBuilder b(op, context, kElementThreads, /*vector=*/1);
  Buffer positions = b.buffer(op.getPositions());
  Buffer lengths = b.buffer(op.getLengths());
  Value row = b.addi(b.muli(b.workgroup(), kElementThreads), b.thread());
  Value inside = b.cmpi(IPredicate::ult, row, b.size(op.getPositions(), 0));
  b.ifThen(inside, [&] {
    Value position = b.loadInteger(positions, b.rowOffset(positions, row));
    Value entries = entriesAt(b, position, op.getCompressRatio());
    entries = b.maxsi(entries, i64(b, 0));
    entries = b.minsi(entries, i64(b, op.getWindow()));
    storeNumber(b, entries, lengths, b.rowOffset(lengths, row));
  });
  b.setBytesPerRow(positions.elementBytes() + lengths.elementBytes());
  b.launch(b.hostGroups(b.hostSize(op.getPositions(), 0), kElementThreads));
  return std::nullopt;
}

void lm::addSlotEmitters(EmitterMap &emitters) {
  addEmitter<SwaSlotsOp, emitSwaSlots>(emitters);
  addEmitter<TopkSlotsOp, emitTopkSlots>(emitters);
  addEmitter<SlotLengthsOp, emitSlotLengths>(emitters);
  addEmitter<CompactSlotsOp, emitCompactSlots>(emitters);
}
