//===-- WgmmaConverter.cpp - Tiles of keys that are converted -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four threads convert a key, each a unit of every four. What a tile needs was
// asked for a tile before and waits in places of the thread's own in shared
// memory, each of which is filled anew as soon as it was read. Copies can be
// waited for one after another. Loads cannot: those that a loop carries share a
// scoreboard of the warp, so that a wait for an old load is one for the newest
// too. Only units that find no place are loaded, and they are converted last.
//
//===----------------------------------------------------------------------===//

#include "WgmmaKeyFormat.h"
#include "WgmmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// The producers' part of the tiles of one scope, or of two of one layout.
class WgmmaTiles::Converter {
public:
  Converter(WgmmaTiles &tiles, const AttentionWork &work, unsigned scope,
            unsigned numScopes, ArrayRef<Value> counts);

  /// Returns the number of tiles after them; `count` are before.
  Value run(Value count);

private:
  /// Where a tile's key is, of the thread.
  struct Source {
    Value visible, pointer, scales;
  };
  /// Places that are read together.
  struct Step {
    int64_t first, last;
  };

  SmallVector<Value>
  inScope(Value tile,
          function_ref<SmallVector<Value>(unsigned, Value, Value)> body);
  Value lookUp(Value tile);
  Type entryType() const { return tiles.kernel.entryType(scope); }
  void copyEntry(Value tile);
  Value takeEntry(Value tile);
  Source sourceOf(Value tile, Value entry);
  Value unitPointer(const Source &source, int64_t offset);
  Value loadUnit(const Source &source, int64_t round);
  int64_t placeOffset(int64_t place) const {
    return place * shape.producers * 16;
  }
  void copyScales(const Source &source);
  void copyUnits(const Source &source, const Step &step);
  SmallVector<Value> take(const Step &step, int64_t pending);
  SmallVector<Value> convert(int64_t first, ArrayRef<Value> raws,
                             const Source *next = nullptr);
  void storeRope(int64_t round, Value words);
  SmallVector<Value> addTile(Value tile, ValueRange carried);

  WgmmaTiles &tiles;
  KernelBuilder &b;
  WgmmaUnit &unit;
  const AttentionProblem &problem;
  const WgmmaShape &shape;
  const AttentionWork &work;
  unsigned scope, numScopes;
  ArrayRef<Value> counts;
  KeyFormat format;
  bool isBf16;
  // Numbers of places: of the scales 0, then of the columns of bf16 and of the
  // codes.
  int64_t rope, codes;
  int64_t staged; ///< units of codes that have a place
  SmallVector<Step> steps;
  Value row, part;  ///< the thread's key of a tile, and part of the key
  Value own, entry; ///< addresses of the thread's places
  // Of a tile.
  Value scales, base, firstTarget, secondTarget;
};

WgmmaTiles::Converter::Converter(WgmmaTiles &tiles, const AttentionWork &work,
                                 unsigned scope, unsigned numScopes,
                                 ArrayRef<Value> counts)
    : tiles(tiles), b(tiles.b), unit(tiles.unit), problem(tiles.problem),
      shape(tiles.shape), work(work), scope(scope), numScopes(numScopes),
      counts(counts),
      format(KeyFormat::of(problem.scopes[scope].layout, problem.columns)),
      isBf16(format.unitColumns == 8), rope(format.scaleBytes ? 1 : 0),
      codes(rope + (format.ropeOffset ? kRopeUnits : 0)),
      staged(std::min(shape.places - codes, format.rounds())) {
  static_assert(2 * kWarpGroup == kTileKeys * kThreadsPerKey,
                "a key for four threads of two warp groups");
  assert(numScopes == 1 || (numScopes == 2 && scope == 0));
  assert(staged >= 0 && "scales and columns of bf16 have places");
  // Fewer where others need the registers.
  const int64_t unitsPerStep =
      staged < format.rounds() && shape.rows <= 16 ? 1 : 2;
  for (int64_t first = 0; first < staged; first += unitsPerStep)
    steps.push_back(
        {codes + first, codes + std::min(first + unitsPerStep, staged)});
  if (codes > rope)
    steps.push_back({rope, codes});
  Value thread = b.subi(b.thread(), b.i32(kConsumers));
  row = b.divui(thread, kThreadsPerKey);
  part = b.remui(thread, kThreadsPerKey);
  own = b.addi(tiles.at(shape.staging), b.shli(thread, 4));
  entry =
      b.addi(tiles.at(shape.entries), b.muli(thread, b.i32(shape.entryBytes)));
}

/// Calls `body` with the scope of a tile and the thread's key in it, and
/// whether that is one of the work's.
SmallVector<Value> WgmmaTiles::Converter::inScope(
    Value tile, function_ref<SmallVector<Value>(unsigned, Value, Value)> body) {
  auto call = [&](unsigned scope, Value number) {
    auto [begin, end] = tiles.rangeOf(work, scope);
    Value index = b.addi(b.addi(begin, b.muli(number, b.i32(kTileKeys))), row);
    return body(scope, index, b.cmpi(IPredicate::slt, index, end));
  };
  if (numScopes == 1)
    return call(scope, tile);
  return b.ifElse(
      b.cmpi(IPredicate::slt, tile, counts[0]), [&] { return call(0, tile); },
      [&] { return call(1, b.subi(tile, counts[0])); });
}

/// What the list or block table has for a tile's key.
Value WgmmaTiles::Converter::lookUp(Value tile) {
  return inScope(tile, [&](unsigned scope, Value index, Value) {
    return SmallVector<Value>{tiles.kernel.loadEntry(work, scope, index)};
  })[0];
}

/// The same in two steps: starts a copy, which joins the next group.
void WgmmaTiles::Converter::copyEntry(Value tile) {
  SmallVector<Value> place =
      inScope(tile, [&](unsigned scope, Value index, Value) {
        EntryPlace place = tiles.kernel.placeOfEntry(work, scope, index);
        return SmallVector<Value>{place.exists, place.pointer};
      });
  int64_t bytes = entryType().getIntOrFloatBitWidth() / 8;
  Value size = b.select(place[0], b.i32(bytes), b.i32(0));
  unit.copyAsync(entry, place[1], size, /*offset=*/0, bytes);
}

Value WgmmaTiles::Converter::takeEntry(Value tile) {
  Type type = entryType();
  Value element = unit.load(type, entry, type.getIntOrFloatBitWidth() / 8);
  return inScope(tile, [&](unsigned scope, Value index, Value) {
    EntryPlace place = tiles.kernel.placeOfEntry(work, scope, index);
    return SmallVector<Value>{tiles.kernel.entryOf(element, place.exists)};
  })[0];
}

WgmmaTiles::Converter::Source WgmmaTiles::Converter::sourceOf(Value tile,
                                                              Value entry) {
  SmallVector<Value> values = inScope(tile, [&](unsigned scope, Value index,
                                                Value exists) {
    KeyPlace key = tiles.kernel.findKey(scope, index, entry);
    SmallVector<Value> values = {
        b.andi(key.visible, exists),
        tiles.address(scope, b.addi(key.offset, b.zext64(b.shli(part, 4))))};
    if (key.scales)
      values.push_back(tiles.address(scope, key.scales));
    return values;
  });
  return {values[0], values[1], values.size() > 2 ? values[2] : Value()};
}

Value WgmmaTiles::Converter::unitPointer(const Source &source, int64_t offset) {
  return LLVM::GEPOp::create(b, source.pointer.getType(), b.getI8Type(),
                             source.pointer,
                             LLVM::GEPArg(static_cast<int32_t>(offset)));
}

Value WgmmaTiles::Converter::loadUnit(const Source &source, int64_t round) {
  return unit.loadIf(source.visible,
                     unitPointer(source, 16 * kThreadsPerKey * round));
}

void WgmmaTiles::Converter::copyScales(const Source &source) {
  Value size = b.select(source.visible, b.i32(format.scaleBytes), b.i32(0));
  unit.copyAsync(own, source.scales, size, placeOffset(0), format.scaleBytes);
}

void WgmmaTiles::Converter::copyUnits(const Source &source, const Step &step) {
  Value size = b.select(source.visible, b.i32(16), b.i32(0));
  for (int64_t place = step.first; place < step.last; ++place) {
    int64_t offset = place < codes ? format.ropeOffset : 0;
    int64_t round = place - (place < codes ? rope : codes);
    unit.copyAsync(own,
                   unitPointer(source, offset + 16 * kThreadsPerKey * round),
                   size, placeOffset(place));
  }
  unit.commitCopies();
}

/// What was copied to the places of a step. `pending` groups of copies were
/// started since.
SmallVector<Value> WgmmaTiles::Converter::take(const Step &step,
                                               int64_t pending) {
  unit.waitForCopies(pending);
  SmallVector<Value> taken;
  for (int64_t place = step.first; place < step.last; ++place)
    taken.push_back(unit.load(VectorType::get({4}, b.getI32Type()),
                              b.addi(own, b.i32(placeOffset(place))), 16));
  return taken;
}

/// Converts the thread's units from number `first` on. Those that have no
/// place are loaded again, of the key `next`, as soon as their registers are
/// free.
SmallVector<Value> WgmmaTiles::Converter::convert(int64_t first,
                                                  ArrayRef<Value> raws,
                                                  const Source *next) {
  constexpr int64_t kPieceBytes = kTileKeys * kSwizzleBytes;
  return tiles.convertUnits(
      scope, first, raws, scales, [&](int64_t i, ArrayRef<Value> words) {
        int64_t round = first + i;
        Value piece = b.i32((isBf16 ? round / 2 : round) * kPieceBytes);
        unit.store(
            words[0],
            b.addi(isBf16 && round % 2 ? secondTarget : firstTarget, piece),
            16);
        if (!isBf16)
          unit.store(words[1], b.addi(secondTarget, piece), 16);
        SmallVector<Value> loaded;
        if (next)
          loaded.push_back(loadUnit(*next, round));
        return loaded;
      });
}

/// 16 bytes of bf16 are a unit of the tile as they are.
void WgmmaTiles::Converter::storeRope(int64_t round, Value words) {
  if (problem.a8w8) {
    Value raw = vector::BitCastOp::create(
        b, VectorType::get({8}, b.getBF16Type()), words);
    words = tiles.packPairs(
        tiles.roundKeys(scope, tiles.toFloats(raw, b.getBF16Type()), false));
  }
  Value place = arith::XOrIOp::create(b, part, b.andi(row, b.i32(7)));
  Value target = b.addi(base, b.shli(place, 4));
  target = arith::XOrIOp::create(b, target, b.i32(kThreadsPerKey * 16 * round));
  int64_t piece = format.units * 16 / kSwizzleColumns;
  unit.store(words, b.addi(target, b.i32(piece * kTileKeys * kSwizzleBytes)),
             16);
}

/// Carried are the number of tiles so far, whether the key is visible, and the
/// units that were loaded.
SmallVector<Value> WgmmaTiles::Converter::addTile(Value tile,
                                                  ValueRange carried) {
  Value number = carried[0], visible = carried[1];
  ValueRange units = carried.drop_front(2);
  // Every tile makes a group for scales and entry, and one for each step.
  const int64_t numSteps = steps.size();
  SmallVector<Value> taken = take({0, rope}, numSteps);
  if (rope)
    scales = taken.front();
  Value nextTile = b.addi(tile, b.i32(1));
  Source next = sourceOf(nextTile, takeEntry(nextTile));
  if (rope)
    copyScales(next);
  copyEntry(b.addi(tile, b.i32(2)));
  unit.commitCopies();
  SmallVector<Value> raws;
  if (numSteps)
    raws = take(steps.front(), numSteps);

  Value stage, parity;
  std::tie(stage, parity) = tiles.stageOf(number);
  tiles.waitForStage(stage, parity);
  base = b.addi(tiles.tileAddress(stage), b.shli(row, 7));
  // 16 codes are two units of bf16. Units that differ in one bit do so wherever
  // the swizzle puts them.
  Value place = isBf16 ? part : b.shli(part, 1);
  place = arith::XOrIOp::create(b, place, b.andi(row, b.i32(7)));
  firstTarget = b.addi(base, b.shli(place, 4));
  secondTarget =
      arith::XOrIOp::create(b, firstTarget, b.i32(isBf16 ? 4 * 16 : 16));
  for (auto [number, step] : llvm::enumerate(steps)) {
    // The next step's are read while this one's are converted.
    SmallVector<Value> nextRaws;
    if (number + 1 < steps.size())
      nextRaws = take(steps[number + 1], numSteps - 1);
    if (step.first < codes)
      for (auto [i, raw] : llvm::enumerate(raws))
        storeRope(step.first - rope + i, raw);
    else
      convert(step.first - codes, raws);
    copyUnits(next, step);
    raws = nextRaws;
  }
  SmallVector<Value> result = {b.addi(number, b.i32(1)), next.visible};
  // Together, as far as registers allow.
  const size_t most = shape.movesRegisters ? 3 : units.size();
  for (size_t first = 0; first < units.size(); first += most)
    result.append(convert(
        staged + first,
        SmallVector<Value>(units.drop_front(first).take_front(most)), &next));
  b.ifThen(b.isZero(part), [&] { tiles.storeVisible(stage, row, visible); });
  tiles.arriveFull(stage);
  return result;
}

Value WgmmaTiles::Converter::run(Value count) {
  Value zero = b.i32(0);
  // Copies behind the last tile of the work before may still be on their way.
  unit.waitForCopies();
  copyEntry(b.i32(1));
  Source source = sourceOf(zero, lookUp(zero));
  if (rope)
    copyScales(source);
  unit.commitCopies();
  for (const Step &step : steps)
    copyUnits(source, step);
  SmallVector<Value> init = {count, source.visible};
  for (int64_t round = staged; round < format.rounds(); ++round)
    init.push_back(loadUnit(source, round));
  Value total = counts[scope];
  if (numScopes == 2)
    total = b.addi(total, counts[1]);
  auto loop = scf::ForOp::create(b, zero, total, b.i32(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(
      b, addTile(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResult(0);
}

Value WgmmaTiles::convertTiles(const AttentionWork &work, unsigned scope,
                               unsigned numScopes, ArrayRef<Value> counts,
                               Value count) {
  return Converter(*this, work, scope, numScopes, counts).run(count);
}
