//===-- KeyWriter.cpp - Writes keys to an MLA cache -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyWriter.h"

#include "hipfuse/Conversion/RowCode/CacheRow.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// Accesses up to which a wave holds the latent part of a token.
static constexpr int64_t kMaxLatentChunks = 16;

Refusal KeyWriter::refuse(Value kvC, Value kPe, Value cache,
                          const hipfuse::TargetInfo &target) {
  if (Refusal refusal = refuseColumns({kvC, kPe, cache}))
    return refusal;
  for (Value part : {kvC, kPe}) {
    int64_t columns = columnsOf(part);
    int64_t most =
        kMaxLatentChunks * target.waveSize * getWidestVector(columns);
    if (columns > most)
      return "rows of " + std::to_string(columns) + " columns; a wave holds " +
             std::to_string(most);
  }
  return std::nullopt;
}

Value lm::encodeByTensor(KernelBuilder &b, Type element, Value value,
                         Value scale) {
  BlockScale block;
  block.operand = vector::BroadcastOp::create(b, value.getType(), scale);
  return b.encode(getTensorScheme(element), value, block);
}

Value KeyWriter::hostGroups() {
  // A rotated key is stored also where there is no slot for it.
  Value tokens = rotatedRef ? b.hostSize(kPe, 0) : b.hostSize(slotsRef, 0);
  return arith::CeilDivUIOp::create(b.host(), b.getLoc(), tokens,
                                    b.hostNumber(tokensPerGroup()));
}

Value KeyWriter::hostPageSize() {
  return page584 ? b.hostNumber(*page584) : b.hostSize(cacheRef, 1);
}

KeyWriter::Part KeyWriter::loadLatent(Value token) {
  int64_t columns = columnsOf(kvC), wave = b.getTarget().waveSize;
  Part part;
  part.vector = getWidestVector(columns);
  Value offset = b.rowOffset(latent, token);
  for (int64_t first = 0; first < columns; first += wave * part.vector) {
    Value column = b.addi(b.muli(b.laneInWave(), part.vector), first);
    Value present, at = column;
    if (first + wave * part.vector > columns) {
      // A lane without columns reads the last ones, which are there.
      present = b.below(column, columns);
      at = b.umin(at, b.i32(columns - part.vector));
    }
    part.columns.push_back(column);
    part.present.push_back(present);
    part.raw.push_back(asVector(b, b.load(latent, offset, at, part.vector)));
    part.values.push_back(extendToF32(b, part.raw.back()));
  }
  return part;
}

KeyWriter::Part KeyWriter::loadKey(Value token, const Rotation *rotation,
                                   Value tableRow) {
  int64_t columns = columnsOf(kPe), wave = b.getTarget().waveSize;
  Part part;
  part.vector = rotation ? rotation->config.vector : getWidestVector(columns);
  int64_t pieces = rotation ? rotation->config.pieces() : columns / part.vector;
  Value offset = b.rowOffset(key, token);
  for (int64_t first = 0; first < pieces; first += wave) {
    Value piece = b.addi(b.laneInWave(), first);
    Value present;
    if (first + wave > pieces) {
      present = b.below(piece, pieces);
      piece = b.umin(piece, b.i32(pieces - 1));
    }
    SmallVector<Value, 2> at;
    if (rotation)
      at = rotation->columns(b, piece);
    else
      at = {b.muli(piece, b.i32(part.vector))};
    SmallVector<Value> raw, values;
    for (Value column : at) {
      part.columns.push_back(column);
      part.present.push_back(present);
      raw.push_back(asVector(b, b.load(key, offset, column, part.vector)));
      values.push_back(extendToF32(b, raw.back()));
    }
    if (!rotation) {
      llvm::append_range(part.raw, raw);
      llvm::append_range(part.values, values);
      continue;
    }
    Type type = rotatedRef ? rotatedKey.element : key.element;
    for (Value value :
         rotation->rotate(b, tableRow, piece, key.element, values))
      part.values.push_back(roundTo(b, value, type));
  }
  return part;
}

Value KeyWriter::slotOf(Value token) {
  Value slot = b.load(slots, b.rowOffset(slots, token), Value(), 1,
                      /*constant=*/true);
  if (slot.getType().isInteger(64))
    return slot;
  return arith::ExtSIOp::create(b, b.getI64Type(), slot);
}

Value KeyWriter::repeatedSlots(Value first, Value numSlots) {
  // Of two equal slots the later token stays, so a token whose slot comes again
  // is not written. Every workgroup compares its tokens with all later ones.
  Value next = b.addi(first, b.i32(1));
  Value hasNext = b.cmpi(IPredicate::ult, next, numSlots);
  Value none = b.i32(0);
  auto search = [&]() -> SmallVector<Value> {
    SmallVector<Value> own, tokens;
    Value last = b.subi(numSlots, b.i32(1));
    for (int64_t i = 0; i < tokensPerGroup(); ++i) {
      tokens.push_back(b.addi(first, b.i32(i)));
      own.push_back(slotOf(b.umin(tokens.back(), last)));
    }
    Value found =
        b.loop(b.addi(next, b.thread()), numSlots, b.getThreads(), none,
               [&](Value token, Value found) {
                 Value slot = slotOf(token);
                 for (auto [i, ownSlot] : llvm::enumerate(own)) {
                   Value isEqual = b.cmpi(IPredicate::eq, slot, ownSlot);
                   Value isLater = b.cmpi(IPredicate::ugt, token, tokens[i]);
                   Value bit =
                       b.select(b.andi(isEqual, isLater), b.i32(1 << i), none);
                   found = b.ori(found, bit);
                 }
                 return found;
               });
    return {b.reduceWorkgroup(found,
                              [&](Value l, Value r) { return b.ori(l, r); })};
  };
  return b.ifElse(hasNext, search, none).front();
}

void KeyWriter::write(Value group, const Rotation *rotation) {
  Value first = b.muli(group, tokensPerGroup());
  Value wave = b.wave();
  Value token = b.addi(first, wave);
  Value numSlots = b.size(slotsRef, 0);
  Value hasSlot = b.cmpi(IPredicate::ult, token, numSlots);
  // A wave without a token reads the last one, which is there.
  Value rows = rotatedRef ? b.size(kPe, 0) : numSlots;
  Value row = b.umin(token, b.subi(rows, b.i32(1)));
  Value slot;
  if (rotatedRef)
    slot = b.ifElse(
                hasSlot, [&]() -> SmallVector<Value> { return {slotOf(row)}; },
                i64(-1))
               .front();
  else
    slot = slotOf(row);
  std::optional<Rotation> early;
  Value tableRow;
  if (rotation) {
    early = *rotation;
    early->constant = false;
    tableRow = early->tableRow(b, row);
  }
  // What is written is loaded only now, so that registers do not hold it during
  // the search, which takes no longer than the way from position to angles. It
  // does not wait for the slot.
  Value repeated = repeatedSlots(first, numSlots);
  Part latentPart = loadLatent(row);
  Part keyPart = loadKey(row, early ? &*early : nullptr, tableRow);
  b.issueLoads();
  if (rotatedRef) {
    Value isToken = b.cmpi(IPredicate::ult, token, rows);
    Value offset = b.rowOffset(rotatedKey, row);
    b.ifThen(isToken, [&] {
      for (auto [i, value] : llvm::enumerate(keyPart.values))
        whenPresent(keyPart, i, [&, i = i, value = value] {
          b.storeF32(value, rotatedKey, offset, keyPart.columns[i]);
        });
    });
  }

  Value total = b.parameter(arith::MulIOp::create(
      b.host(), b.getLoc(), b.hostSize(cacheRef, 0), hostPageSize()));
  auto wanted =
      skipRule == SkipRule::Negative ? IPredicate::sge : IPredicate::sgt;
  Value keep = b.andi(hasSlot, b.cmpi(wanted, slot, i64(0)));
  keep = b.andi(keep, b.cmpi(IPredicate::slt, slot, total));
  Value isRepeated = b.andi(
      arith::ShRUIOp::create(b, b.getI32Type(), repeated, wave), b.i32(1));
  keep = b.andi(keep, b.isZero(isRepeated));
  b.ifThen(keep, [&] { store(slot, latentPart, keyPart); });
}

std::pair<Value, Value> KeyWriter::split(Value slot) {
  int64_t known = page584 ? *page584 : cache.type.getDimSize(1);
  Value pageSize =
      ShapedType::isDynamic(known) ? b.parameter(hostPageSize()) : i64(known);
  return {arith::DivUIOp::create(b, slot, pageSize),
          arith::RemUIOp::create(b, slot, pageSize)};
}

void KeyWriter::store(Value slot, const Part &latentPart, const Part &keyPart) {
  auto strides = cache.type.getStridesAndOffset().first;
  // In a cache without gaps a slot's row follows from its number alone.
  auto rowOffset = [&]() -> Value {
    int64_t pageSize = cache.type.getDimSize(1);
    if (!ShapedType::isDynamic(pageSize) &&
        !ShapedType::isDynamic(strides[0]) &&
        strides[0] == pageSize * strides[1])
      return b.muli(slot, cache.strides[1]);
    auto [page, place] = split(slot);
    return b.addi(b.muli(page, cache.strides[0]),
                  b.muli(place, cache.strides[1]));
  };
  int64_t latentColumns = columnsOf(kvC);
  if (layout == CacheLayout::Bf16 || layout == CacheLayout::Fp8) {
    Value offset = rowOffset();
    storeElements(offset, ropeFirst ? columnsOf(kPe) : 0, latentPart);
    storeElements(offset, ropeFirst ? 0 : latentColumns, keyPart);
    return;
  }
  CacheRowBytes bytes = getCacheRowBytes(layout);
  Value begin, scales;
  if (bytes.scalesOfPage) {
    auto [page, place] = split(slot);
    Value pageBegin = b.muli(page, cache.strides[0]);
    begin = b.addi(pageBegin, b.muli(place, i64(bytes.codes)));
    scales = b.addi(b.addi(pageBegin, b.muli(place, i64(bytes.scales))),
                    i64(bytes.codes * *page584));
  } else {
    begin = rowOffset();
    scales = b.addi(begin, i64(latentColumns));
  }
  storeCodes(begin, scales, latentPart);
  for (auto [i, value] : llvm::enumerate(keyPart.values)) {
    Value bits = truncateTo(b, value, b.getBF16Type());
    Value raw = vector::BitCastOp::create(
        b, b.vectorOf(b.getI8Type(), 2 * keyPart.vector), bits);
    Value column = b.addi(b.muli(keyPart.columns[i], b.i32(2)), bytes.rope);
    whenPresent(keyPart, i, [&] { b.store(raw, cache, begin, column); });
  }
}

void KeyWriter::storeElements(Value offset, int64_t first, const Part &part) {
  Value divisor;
  if (layout == CacheLayout::Fp8)
    divisor = b.load(scale, Value(), Value(), 1, /*constant=*/true);
  for (auto [i, value] : llvm::enumerate(part.values)) {
    Value stored;
    if (divisor)
      stored = encodeByTensor(b, cache.type.getElementType(), value, divisor);
    else if (!part.raw.empty() && elementOf(part.raw[i]) == cache.element)
      stored = part.raw[i];
    else
      stored = truncateTo(b, value, cache.element);
    Value column = first ? b.addi(part.columns[i], first) : part.columns[i];
    whenPresent(part, i, [&] { b.store(stored, cache, offset, column); });
  }
}

void KeyWriter::storeCodes(Value offset, Value scales, const Part &part) {
  SchemeAttr scheme = getLatentScheme(b.getContext(), layout);
  int64_t block = scheme.getBlock(), lanes = block / part.vector;
  auto maximum = [&](Value l, Value r) { return b.umax(l, r); };
  Value isFirst = b.isZero(b.remui(b.thread(), lanes));
  for (auto [i, value] : llvm::enumerate(part.values)) {
    Value amax = b.reduce(amaxCandidates(b, scheme, value), maximum);
    BlockScale s = scaleOf(b, scheme, b.reduceLanes(amax, lanes, maximum));
    Value bytes = b.encode(scheme, value, s);
    whenPresent(part, i, [&, i = i] {
      b.store(bytes, cache, offset, part.columns[i]);
      b.ifThen(isFirst, [&] {
        Value number = b.divui(part.columns[i], block);
        if (scheme.hasE8M0Scale())
          return b.store(toBytes(b, s.stored), cache, scales, number);
        Value raw = vector::BitCastOp::create(b, b.vectorOf(b.getI8Type(), 4),
                                              asVector(b, s.stored));
        b.store(raw, cache, scales, b.muli(number, b.i32(4)));
      });
    });
  }
  if (!scheme.hasE8M0Scale())
    return;
  // The scales of a token end with a byte of zero.
  b.ifThen(b.isZero(b.laneInWave()), [&] {
    Value zero = arith::ConstantOp::create(b, b.getI8IntegerAttr(0));
    b.store(zero, cache, scales, b.i32(columnsOf(kvC) / block));
  });
}
