//===-- WgmmaKeys.cpp - Keys that become bf16 on their way ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaTiles.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static Value extract(KernelBuilder &b, Value vector, int64_t index) {
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
}

SmallVector<Value> WgmmaTiles::toFloats(Value raw, Type element) {
  auto type = cast<VectorType>(raw.getType());
  int64_t lanes = type.getNumElements();
  SmallVector<Value> values;
  if (type.getElementTypeBitWidth() != 8) {
    Value floats = extendToF32(b, raw);
    for (int64_t i = 0; i < lanes; ++i)
      values.push_back(extract(b, floats, i));
    return values;
  }
  Value pairs = vector::BitCastOp::create(
      b, VectorType::get({lanes / 2}, b.getI16Type()), raw);
  for (int64_t i = 0; i < lanes / 2; ++i) {
    Value halves =
        b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                    VectorType::get({2}, b.getF16Type()), extract(b, pairs, i));
    Value floats = extendToF32(b, halves);
    values.push_back(extract(b, floats, 0));
    values.push_back(extract(b, floats, 1));
  }
  return values;
}

SmallVector<Value> WgmmaTiles::roundToFp8(ArrayRef<Value> values) {
  SmallVector<Value> codes;
  for (size_t i = 0; i < values.size(); i += 2)
    codes.push_back(b.intrinsic("llvm.nvvm.ff.to.e4m3x2.rn", b.getI16Type(),
                                {values[i + 1], values[i]}));
  SmallVector<Value> rounded;
  for (Value code : codes) {
    Value halves = b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                               VectorType::get({2}, b.getF16Type()), code);
    Value floats = extendToF32(b, halves);
    rounded.push_back(extract(b, floats, 0));
    rounded.push_back(extract(b, floats, 1));
  }
  return rounded;
}

Value WgmmaTiles::packPair(Value low, Value high) {
  Value pair = b.intrinsic("llvm.nvvm.ff2bf16x2.rn",
                           VectorType::get({2}, b.getBF16Type()), {high, low});
  return LLVM::BitcastOp::create(b, b.getI32Type(), pair);
}

Value WgmmaTiles::packPairs(ArrayRef<Value> values) {
  SmallVector<Value> words;
  for (size_t i = 0; i < values.size(); i += 2)
    words.push_back(packPair(values[i], values[i + 1]));
  return vector::FromElementsOp::create(
      b, VectorType::get({static_cast<int64_t>(words.size())}, b.getI32Type()),
      words);
}

/// How keys of a layout are stored. A unit is 16 bytes of them.
struct WgmmaTiles::KeyFormat {
  static KeyFormat of(CacheLayout layout, int64_t columns) {
    switch (layout) {
    case CacheLayout::Bf16:
      return {columns / 8, /*unitColumns=*/8, /*ropeOffset=*/0,
              /*scaleBytes=*/0};
    case CacheLayout::Fp8:
      return {columns / 16, 16, 0, 0};
    case CacheLayout::DsMla656:
      return {512 / 16, 16, 528, 16};
    case CacheLayout::DsMla584:
      return {448 / 16, 16, 448, 8};
    }
    llvm_unreachable("unknown layout");
  }
  /// Units of a thread.
  int64_t rounds() const { return units / kThreadsPerKey; }

  int64_t units; ///< before the columns of bf16
  int64_t unitColumns;
  int64_t ropeOffset; ///< bytes from a key's begin to those columns, or 0
  int64_t scaleBytes;
};

int64_t WgmmaTiles::keyUnits(const AttentionProblem &problem) {
  int64_t units = 0;
  for (const ScopeOperands &scope : problem.scopes)
    if (converts(problem, scope))
      units =
          std::max(units, KeyFormat::of(scope.layout, problem.columns).units);
  return units;
}

/// FP8 codes as pairs of bf16, of `raw`, 16 of them, by integer arithmetic: the
/// converts share a pipe with the exponential of the softmax. A code's fields,
/// moved to those of bf16, are 2^-120 times its number; a subnormal one's too.
/// The second value is not 0 if there is a NaN, which would become a number.
std::pair<SmallVector<Value>, Value> WgmmaTiles::pairsOfCodes(Value raw) {
  Value nan;
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < 4; ++i) {
    Value word = extract(b, raw, i);
    // Without its sign a NaN is 0x7F, the largest code.
    Value carry = b.addi(b.andi(word, b.i32(0x7f7f7f7f)), b.i32(0x01010101));
    nan = nan ? b.ori(nan, carry) : carry;
    for (int64_t selector : {0x4140, 0x4342}) {
      Value codes = b.intrinsic("llvm.nvvm.prmt", b.getI32Type(),
                                {word, b.i32(0), b.i32(selector)});
      // Code << 4, and its sign from bit 11 to bit 15 of each half.
      Value sign = b.andi(codes, b.i32(0x00800080));
      pairs.push_back(b.addi(b.muli(codes, b.i32(16)),
                             b.muli(sign, b.i32(0x780 / 0x80 * 16))));
    }
  }
  return {pairs, b.andi(nan, b.i32(0x80808080))};
}

/// Codes with the scale 2^(e - 127), or without one: `e` is null.
SmallVector<Value> WgmmaTiles::convertCodes(Value raw, Value e) {
  auto type = VectorType::get({8}, b.getBF16Type());
  auto words = VectorType::get({4}, b.getI32Type());
  auto [pairs, special] = pairsOfCodes(raw);
  // 2^120 and the scale in one factor, where bf16 has it: almost always.
  constexpr int64_t kMove = 120, kMaxExponent = 254;
  Value exponent = b.i32(127 + kMove);
  if (e) {
    exponent = b.addi(e, b.i32(kMove));
    special =
        b.ori(special, arith::ExtUIOp::create(b, b.getI32Type(),
                                              b.cmpi(IPredicate::ugt, exponent,
                                                     b.i32(kMaxExponent))));
  }
  Value factor =
      b.bitcast(arith::TruncIOp::create(b, b.getI16Type(), b.shli(exponent, 7)),
                b.getBF16Type());
  auto byConverts = [&] {
    SmallVector<Value> values = toFloats(
        vector::BitCastOp::create(b, VectorType::get({16}, b.getI8Type()), raw),
        b.getI8Type());
    if (e) {
      Value scale = decodeE8M0(b, e);
      for (Value &value : values)
        value = b.mulf(value, scale);
    }
    return SmallVector<Value>{packPairs(ArrayRef(values).take_front(8)),
                              packPairs(ArrayRef(values).drop_front(8))};
  };
  auto byFields = [&, pairs = pairs] {
    SmallVector<Value> results;
    for (size_t first : {0, 4}) {
      Value half = vector::FromElementsOp::create(
          b, words, ArrayRef(pairs).slice(first, 4));
      half = b.mulf(vector::BitCastOp::create(b, type, half),
                    vector::BroadcastOp::create(b, type, factor));
      results.push_back(vector::BitCastOp::create(b, words, half));
    }
    return results;
  };
  return b.ifElse(b.isNonZero(special), byConverts, byFields);
}

/// Converts a thread's unit number `round` to words of bf16, eight columns
/// each.
SmallVector<Value> WgmmaTiles::convertUnit(unsigned scope, int64_t round,
                                           Value raw, Value scales) {
  CacheLayout layout = problem.scopes[scope].layout;
  Value e;
  if (layout == CacheLayout::DsMla584)
    e = b.andi(b.shrui(extract(b, scales, round / 4), 8 * (round % 4)),
               b.i32(0xff));
  if (layout == CacheLayout::Fp8)
    return convertCodes(raw, Value());
  // A power of two changes no digit, so that it can come after the rounding.
  if (e && !problem.a8w8)
    return convertCodes(raw, e);

  Type element =
      layout == CacheLayout::Bf16 ? Type(b.getBF16Type()) : Type(b.getI8Type());
  int64_t lanes = 128 / element.getIntOrFloatBitWidth();
  SmallVector<Value> values = toFloats(
      vector::BitCastOp::create(b, VectorType::get({lanes}, element), raw),
      element);
  Value scale;
  if (e)
    scale = decodeE8M0(b, e);
  else if (layout == CacheLayout::DsMla656)
    scale = b.fromBits(extract(b, scales, round / 2));
  if (scale)
    for (Value &value : values)
      value = b.mulf(value, scale);
  if (problem.a8w8)
    values = roundKeys(scope, values, static_cast<bool>(scale));
  SmallVector<Value> words;
  for (size_t first = 0; first < values.size(); first += 8)
    words.push_back(packPairs(ArrayRef(values).slice(first, 8)));
  return words;
}

/// Four threads convert a key, each a unit of every four. A unit waits in
/// shared memory of the thread's own, or in registers where there is no room;
/// its place is filled anew, for the next tile, as soon as it is converted.
/// Copies to shared memory can be waited for one after another, while loads
/// share the few scoreboards of a warp: a wait for an old load is often one
/// for a new load too. Slots and pages are looked up two tiles ahead.
Value WgmmaTiles::convertTiles(const AttentionWork &work, unsigned scope,
                               unsigned numScopes, ArrayRef<Value> counts,
                               Value count) {
  static_assert(2 * kWarpGroup == kTileKeys * kThreadsPerKey,
                "a key for four threads of two warp groups");
  assert(numScopes == 1 || (numScopes == 2 && scope == 0));
  KeyFormat format =
      KeyFormat::of(problem.scopes[scope].layout, problem.columns);
  Value thread = b.subi(b.thread(), b.i32(kConsumers));
  Value row = b.divui(thread, kThreadsPerKey);
  Value part = b.remui(thread, kThreadsPerKey);
  Value tiles = counts[scope];
  if (numScopes == 2)
    tiles = b.addi(tiles, counts[1]);
  /// Calls `body` with the scope of a tile and the thread's key in it, and
  /// whether that is one of the work's.
  auto inScope =
      [&](Value tile,
          function_ref<SmallVector<Value>(unsigned, Value, Value)> body) {
        auto call = [&](unsigned scope, Value number) {
          auto [begin, end] = rangeOf(work, scope);
          Value index =
              b.addi(b.addi(begin, b.muli(number, b.i32(kTileKeys))), row);
          return body(scope, index, b.cmpi(IPredicate::slt, index, end));
        };
        if (numScopes == 1)
          return call(scope, tile);
        return b.ifElse(
            b.cmpi(IPredicate::slt, tile, counts[0]),
            [&] { return call(0, tile); },
            [&] { return call(1, b.subi(tile, counts[0])); });
      };
  auto lookUp = [&](Value tile) {
    return inScope(tile, [&](unsigned scope, Value index, Value) {
      return SmallVector<Value>{kernel.loadEntry(work, scope, index)};
    })[0];
  };
  struct Source {
    Value visible, pointer, scales;
  };
  auto sourceOf = [&](Value tile, Value entry) {
    SmallVector<Value> values =
        inScope(tile, [&](unsigned scope, Value index, Value exists) {
          KeyPlace key = kernel.findKey(scope, index, entry);
          SmallVector<Value> values = {
              b.andi(key.visible, exists),
              address(scope, b.addi(key.offset, b.zext64(b.shli(part, 4))))};
          if (key.scales)
            values.push_back(address(scope, key.scales));
          return values;
        });
    return Source{values[0], values[1],
                  values.size() > 2 ? values[2] : Value()};
  };
  auto unitPointer = [&](const Source &source, int64_t offset) {
    return LLVM::GEPOp::create(b, source.pointer.getType(), b.getI8Type(),
                               source.pointer,
                               LLVM::GEPArg(static_cast<int32_t>(offset)));
  };
  auto loadUnit = [&](const Source &source, int64_t round) {
    return unit.loadIf(source.visible,
                       unitPointer(source, 16 * kThreadsPerKey * round), 4);
  };
  auto loadScales = [&](const Source &source) {
    return unit.loadIf(source.visible, source.scales, format.scaleBytes / 4);
  };

  // The thread's places, and what is copied there: of the columns of bf16
  // first, then of the others. Each step of a tile copies what the same step
  // of the next one takes.
  const int64_t ropeUnits = format.ropeOffset ? kRopeUnits : 0;
  const int64_t staged =
      std::min(shape.stagedUnits - ropeUnits, format.rounds());
  assert(staged >= 0 && "room for the columns of bf16");
  constexpr int64_t kUnitsPerStep = 2;
  SmallVector<std::pair<int64_t, int64_t>> steps; // places
  for (int64_t first = 0; first < staged; first += kUnitsPerStep)
    steps.push_back({ropeUnits + first,
                     ropeUnits + std::min(first + kUnitsPerStep, staged)});
  if (ropeUnits)
    steps.push_back({0, ropeUnits});
  Value own = b.addi(at(shape.staging), b.shli(thread, 4));
  auto placeOf = [&](int64_t index) { return index * shape.producers * 16; };
  auto copyUnits = [&](const Source &source, std::pair<int64_t, int64_t> step) {
    Value size = b.select(source.visible, b.i32(16), b.i32(0));
    for (int64_t index = step.first; index < step.second; ++index) {
      int64_t offset = index < ropeUnits
                           ? format.ropeOffset + 16 * kThreadsPerKey * index
                           : 16 * kThreadsPerKey * (index - ropeUnits);
      unit.copyAsync(own, unitPointer(source, offset), size, placeOf(index));
    }
    unit.commitCopies();
  };
  auto takeUnits = [&](std::pair<int64_t, int64_t> step) {
    unit.waitForCopies(steps.size() - 1);
    SmallVector<Value> taken;
    for (int64_t index = step.first; index < step.second; ++index)
      taken.push_back(unit.load(VectorType::get({4}, b.getI32Type()),
                                b.addi(own, b.i32(placeOf(index))), 16));
    return taken;
  };

  // Of a tile: whether the key is visible, the units and the scales; of the
  // next: what was looked up.
  Value zero = b.i32(0);
  Value firstEntry = lookUp(zero), nextEntry = lookUp(b.i32(1));
  Value visible, scales;
  SmallVector<Value> units;
  {
    Source source = sourceOf(zero, firstEntry);
    visible = source.visible;
    if (format.scaleBytes)
      scales = loadScales(source);
    // Those behind the last tile of the work before may still write zeros.
    if (!steps.empty())
      unit.waitForCopies();
    for (auto step : steps)
      copyUnits(source, step);
    for (int64_t i = staged; i < format.rounds(); ++i)
      units.push_back(loadUnit(source, i));
  }
  SmallVector<Value> init = {count, visible, nextEntry};
  if (format.scaleBytes)
    init.push_back(scales);
  init.append(units);
  auto loop = scf::ForOp::create(b, zero, tiles, b.i32(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  auto args = loop.getRegionIterArgs();
  Value number = args[0];
  visible = args[1];
  nextEntry = args[2];
  if (format.scaleBytes)
    scales = args[3];
  units.assign(args.end() - units.size(), args.end());

  Value tileNumber = loop.getInductionVar();
  Value laterEntry = lookUp(b.addi(tileNumber, b.i32(2)));
  Source next = sourceOf(b.addi(tileNumber, b.i32(1)), nextEntry);
  Value stage, parity;
  std::tie(stage, parity) = stageOf(number);
  waitForStage(stage, parity);
  Value tile = tileAddress(stage);
  Value swizzle = b.andi(row, b.i32(7));
  // Address of unit `unit` (of 16 bytes of bf16) of a piece of the key.
  auto target = [&](Value unit) {
    Value swizzled = arith::XOrIOp::create(b, unit, swizzle);
    return b.addi(b.addi(tile, b.shli(row, 7)), b.shli(swizzled, 4));
  };
  constexpr int64_t kPieceBytes = kTileKeys * kSwizzleBytes;
  Value nextScales;
  if (format.scaleBytes)
    nextScales = loadScales(next);
  // 16 codes are two units of bf16.
  bool isBf16 = format.unitColumns == 8;
  auto exclusive = [&](Value address, int64_t bits) -> Value {
    return arith::XOrIOp::create(b, address, b.i32(bits));
  };
  // Units that differ in one bit do so wherever the swizzle puts them.
  Value first = target(isBf16 ? part : b.shli(part, 1));
  Value second = exclusive(first, isBf16 ? 4 * 16 : 16);
  auto convert = [&](int64_t i, Value raw) {
    SmallVector<Value> words = convertUnit(scope, i, raw, scales);
    Value piece = b.i32((isBf16 ? i / 2 : i) * kPieceBytes);
    unit.store(words[0], b.addi(isBf16 && i % 2 ? second : first, piece), 16);
    if (!isBf16)
      unit.store(words[1], b.addi(second, piece), 16);
  };
  auto convertRope = [&](int64_t i, Value words) {
    // 16 bytes of bf16 are a unit of the tile as they are.
    if (problem.a8w8) {
      Value raw = vector::BitCastOp::create(
          b, VectorType::get({8}, b.getBF16Type()), words);
      words =
          packPairs(roundKeys(scope, toFloats(raw, b.getBF16Type()), false));
    }
    int64_t piece = format.units * 16 / kSwizzleColumns;
    unit.store(words,
               b.addi(exclusive(target(part), kThreadsPerKey * 16 * i),
                      b.i32(piece * kPieceBytes)),
               16);
  };
  SmallVector<Value> nextUnits;
  for (int64_t i = staged; i < format.rounds(); ++i) {
    convert(i, units[i - staged]);
    // Not earlier: the old unit's registers are free only now.
    nextUnits.push_back(loadUnit(next, i));
  }
  for (auto step : steps) {
    for (auto [i, raw] : llvm::enumerate(takeUnits(step))) {
      int64_t index = step.first + i;
      if (index < ropeUnits)
        convertRope(index, raw);
      else
        convert(index - ropeUnits, raw);
    }
    copyUnits(next, step);
  }
  b.ifThen(b.isZero(part), [&] { storeVisible(stage, row, visible); });
  arriveFull(stage);
  SmallVector<Value> carried = {b.addi(number, b.i32(1)), next.visible,
                                laterEntry};
  if (format.scaleBytes)
    carried.push_back(nextScales);
  carried.append(nextUnits);
  scf::YieldOp::create(b, carried);
  return loop.getResult(0);
}

/// Keys of a8w8 in a layout other than fp8, as the bf16 values of their codes.
SmallVector<Value> WgmmaTiles::roundKeys(unsigned scope,
                                         SmallVector<Value> values,
                                         bool isQuantised) {
  for (Value &value : values) {
    if (isQuantised)
      value = extendToF32(b, truncateTo(b, value, b.getBF16Type()));
    if (Value scale = kernel.valueFactor(scope))
      value = b.divf(value, scale);
  }
  return roundToFp8(values);
}
