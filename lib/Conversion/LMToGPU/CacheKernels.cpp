//===-- CacheKernels.cpp - Kernels that write KV caches -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RopeUnit.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/CacheRow.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Accesses up to which a wave holds the latent part of a token.
static constexpr int64_t kMaxLatentChunks = 16;

namespace {

/// Writes tokens to a cache, a wave for each.
class KeyWriter {
public:
  template <typename OpTy>
  KeyWriter(KernelBuilder &b, OpTy op, Value rotated)
      : b(b), kvC(op.getKvC()), kPe(op.getKPe()), slotsRef(op.getSlots()),
        cacheRef(op.getCache()), rotatedRef(rotated), layout(op.getLayout()),
        skipRule(op.getSkipRule()), ropeFirst(op.getRopeFirst()),
        latent(b.buffer(kvC)), key(b.buffer(kPe)), slots(b.buffer(slotsRef)),
        scale(b.buffer(op.getScale())), cache(b.buffer(cacheRef)),
        rotatedKey(b.buffer(rotated)) {
    if (op.getPageSize())
      page584 = static_cast<int64_t>(*op.getPageSize());
  }

  /// Host: workgroups that all tokens take.
  Value hostGroups();
  /// Writes the tokens of workgroup `group`; `rotation` may be null.
  void write(Value group, const Rotation *rotation);

private:
  /// f32 vectors of a part of a token, one for each of `columns`.
  struct Part {
    int64_t vector;
    SmallVector<Value> columns;
    SmallVector<Value> present; ///< i1; may be empty values
    SmallVector<Value> raw;     ///< as memory holds them; empty once rotated
    SmallVector<Value> values;
  };

  int64_t tokensPerGroup() { return b.getThreads() / b.getTarget().waveSize; }
  Part loadLatent(Value token);
  Part loadKey(Value token, const Rotation *rotation, Value tableRow);
  /// i32 mask of the tokens of the workgroup, the first of which is `first`,
  /// whose slot a later token has too.
  Value repeatedSlots(Value first, Value numSlots);
  Value slotOf(Value token);
  void store(Value slot, const Part &latentPart, const Part &keyPart);
  void storeElements(Value offset, int64_t first, const Part &part);
  void storeCodes(Value offset, Value scales, const Part &part);
  void whenPresent(const Part &part, size_t index, function_ref<void()> body) {
    if (part.present[index])
      b.ifThen(part.present[index], body);
    else
      body();
  }
  /// Splits `slot` into page and place; both i64.
  std::pair<Value, Value> split(Value slot);
  Value hostPageSize();
  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }

  KernelBuilder &b;
  Value kvC, kPe, slotsRef, cacheRef, rotatedRef;
  CacheLayout layout;
  SkipRule skipRule;
  bool ropeFirst;
  std::optional<int64_t> page584;
  Buffer latent, key, slots, scale, cache, rotatedKey;
};

} // namespace

/// Codes of `value` in FP8 `element` by an operand's scale.
static Value encodeByTensor(KernelBuilder &b, Type element, Value value,
                            Value scale) {
  BlockScale block;
  block.operand = vector::BroadcastOp::create(b, value.getType(), scale);
  return b.encode(getTensorScheme(element), value, block);
}

/// A vector for what may be a scalar.
static Value asVector(KernelBuilder &b, Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, b.vectorOf(value.getType(), 1), value);
}

static int64_t vectorFor(int64_t columns) {
  return std::min(kMaxVector, columns & -columns);
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

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
  part.vector = vectorFor(columns);
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
  part.vector = rotation ? rotation->config.vector : vectorFor(columns);
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
  Value tableRow = rotation ? rotation->tableRow(b, row) : Value();
  // What is written is loaded once this is done, so that registers do not hold
  // it meanwhile; the angles wait for the position anyway.
  Value repeated = repeatedSlots(first, numSlots);
  Part latentPart = loadLatent(row);
  Part keyPart = loadKey(row, rotation, tableRow);
  if (rotatedRef) {
    Value isToken = b.cmpi(IPredicate::ult, token, rows);
    Value offset = b.rowOffset(rotatedKey, row);
    b.ifThen(isToken, [&] {
      for (auto [i, value] : llvm::enumerate(keyPart.values))
        whenPresent(keyPart, i, [&, value = value] {
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
    whenPresent(part, i, [&] {
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

/// Refuses caches whose tokens a wave cannot write.
template <typename OpTy>
static Refusal refuseCacheWrite(OpTy op, const hipfuse::TargetInfo &target) {
  if (Refusal refusal =
          refuseColumns({op.getKvC(), op.getKPe(), op.getCache()}))
    return refusal;
  for (Value part : {op.getKvC(), op.getKPe()}) {
    int64_t columns = columnsOf(part);
    int64_t most = kMaxLatentChunks * target.waveSize * vectorFor(columns);
    if (columns > most)
      return "rows of " + std::to_string(columns) + " columns; a wave holds " +
             std::to_string(most);
  }
  return std::nullopt;
}

/// Bytes of a token in `memrefs`, of which some may be empty: of all but the
/// first dimension, a dynamic one counting as 1.
static int64_t bytesPerToken(ArrayRef<Value> memrefs) {
  int64_t bytes = 0;
  for (Value memref : memrefs) {
    if (!memref)
      continue;
    auto type = cast<MemRefType>(memref.getType());
    int64_t elements = 1;
    for (int64_t dim : type.getShape().drop_front())
      elements *= ShapedType::isDynamic(dim) ? 1 : dim;
    bytes += elements * type.getElementTypeBitWidth() / 8;
  }
  return bytes;
}

/// Bytes that a token takes in a cache.
template <typename OpTy>
static int64_t cacheBytesPerToken(OpTy op) {
  auto type = cast<MemRefType>(op.getCache().getType());
  if (op.getLayout() == CacheLayout::DsMla584)
    return 584;
  return type.getShape().back() * type.getElementTypeBitWidth() / 8;
}

static Refusal emitMlaCacheWrite(MlaCacheWriteOp op, EmitterContext &context) {
  if (Refusal refusal = refuseCacheWrite(op, context.target))
    return refusal;
  KernelBuilder b(op, context, kIndependentThreads,
                  vectorFor(columnsOf(op.getKvC())));
  KeyWriter writer(b, op, /*rotated=*/Value());
  writer.write(b.workgroup(), /*rotation=*/nullptr);
  b.setBytesPerRow(bytesPerToken({op.getKvC(), op.getKPe()}) +
                   cacheBytesPerToken(op));
  b.launch(writer.hostGroups());
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

/// Number of heads, all dimensions but the first and the last, of `memref`;
/// negative if it is dynamic.
static int64_t getNumHeads(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t heads = 1;
  for (int64_t dim : type.getShape().drop_front().drop_back())
    heads = ShapedType::isDynamic(dim) || heads < 0 ? -1 : heads * dim;
  return heads;
}

namespace {

/// Copies and rotates the heads of a query.
struct QueryWriter {
  QueryWriter(KernelBuilder &b, RopeMlaCacheWriteOp op,
              const HeadsConfig &config, const Rotation &rotation)
      : b(b), config(config), rotation(rotation), nopeRef(op.getQNope()),
        peRef(op.getQPe()), outRef(op.getQOut()), nope(b.buffer(nopeRef)),
        pe(b.buffer(peRef)), out(b.buffer(outRef)),
        scaleRef(b.buffer(op.getQScale())) {}

  /// Host: workgroups that the heads of a token take.
  Value hostGroupsPerToken();
  /// Writes the heads of workgroup `group`.
  void write(Value group);

private:
  /// Heads and pieces, `pieces` to each, that are this thread's turn `turn`.
  struct Turn {
    Value head, piece;
    Value present; ///< i1; empty if always
  };
  Turn turnOf(int64_t turn, int64_t pieces);
  Place placeIn(Value memref, const Buffer &buffer, Value head, Value column) {
    return placeOf(b, memref, buffer, token, firstHead, head, column);
  }
  void whenPresent(const Turn &turn, function_ref<void()> body) {
    if (turn.present)
      b.ifThen(turn.present, body);
    else
      body();
  }
  /// Stores f32 values at column `column` of head `head` of the result.
  void storeF32(Value value, Value head, Value column);

  KernelBuilder &b;
  const HeadsConfig &config;
  const Rotation &rotation;
  Value nopeRef, peRef, outRef;
  Buffer nope, pe, out, scaleRef;
  Value token, firstHead, scale;
  Value present; ///< heads of this workgroup; empty if all
};

} // namespace

Value QueryWriter::hostGroupsPerToken() {
  int64_t rank = pe.rank();
  return arith::CeilDivUIOp::create(b.host(), b.getLoc(),
                                    b.hostSize(peRef, 1, rank - 1),
                                    b.hostNumber(config.heads));
}

QueryWriter::Turn QueryWriter::turnOf(int64_t turn, int64_t pieces) {
  Turn result;
  int64_t threads = b.getThreads();
  if (threads % pieces == 0) {
    result.head =
        b.addi(b.divui(b.thread(), pieces), turn * (threads / pieces));
    result.piece = b.remui(b.thread(), pieces);
  } else {
    Value item = b.addi(b.thread(), turn * threads);
    result.head = b.divui(item, pieces);
    result.piece = b.remui(item, pieces);
  }
  if (present)
    result.present = b.cmpi(IPredicate::ult, result.head, present);
  else if ((turn + 1) * threads > config.heads * pieces)
    result.present = b.below(result.head, config.heads);
  return result;
}

void QueryWriter::storeF32(Value value, Value head, Value column) {
  Place place = placeIn(outRef, out, head, column);
  if (!scale)
    return b.storeF32(value, out, place.offset, place.column);
  b.store(encodeByTensor(b, out.type.getElementType(),
                         roundTo(b, value, pe.element), scale),
          out, place.offset, place.column);
}

void QueryWriter::write(Value group) {
  int64_t numHeads = getNumHeads(peRef);
  int64_t groups =
      llvm::divideCeil(std::max<int64_t>(numHeads, 0), config.heads);
  Value groupsPerToken =
      numHeads < 0 ? b.parameter32(hostGroupsPerToken()) : b.i32(groups);
  token = arith::DivUIOp::create(b, group, groupsPerToken);
  Value groupOfToken = arith::RemUIOp::create(b, group, groupsPerToken);
  firstHead = b.muli(groupOfToken, config.heads);
  if (numHeads != groups * config.heads) {
    Value all = numHeads < 0
                    ? b.parameter32(b.hostSize(peRef, 1, pe.rank() - 1))
                    : b.i32(numHeads);
    present = b.umin(b.subi(all, firstHead), b.i32(config.heads));
  }
  Value tableRow = rotation.tableRow(b, token);
  if (scaleRef)
    scale = b.load(scaleRef, Value(), Value(), 1, /*constant=*/true);

  // All that is copied is loaded before the table's row is waited for.
  SmallVector<Turn> copies;
  SmallVector<Value> copied, columns;
  for (int64_t i = 0; nope && i < config.copies(); ++i) {
    Turn turn = turnOf(i, config.columns / config.vector);
    columns.push_back(b.muli(turn.piece, config.vector));
    Value head = turn.head;
    // A thread without a head reads the last one, which is there.
    if (turn.present)
      head = b.umin(head, present ? b.subi(present, b.i32(1))
                                  : b.i32(config.heads - 1));
    Place place = placeIn(nopeRef, nope, head, columns.back());
    copied.push_back(b.load(nope, place.offset, place.column, config.vector));
    copies.push_back(turn);
  }
  int64_t pieces = rotation.config.pieces();
  for (int64_t i = 0; i * b.getThreads() < config.heads * pieces; ++i) {
    Turn turn = turnOf(i, pieces);
    whenPresent(turn, [&] {
      SmallVector<Value> values;
      SmallVector<Value, 2> at = rotation.columns(b, turn.piece);
      for (Value column : at)
        values.push_back(loadVectorF32(b, pe,
                                       placeIn(peRef, pe, turn.head, column),
                                       rotation.config.vector));
      auto rotated =
          rotation.rotate(b, tableRow, turn.piece, pe.element, values);
      for (auto [column, value] : llvm::zip(at, rotated))
        storeF32(value, turn.head, b.addi(column, config.columns));
    });
  }
  for (auto [turn, value, column] : llvm::zip(copies, copied, columns))
    whenPresent(turn, [&, turn = turn, value = value, column = column] {
      if (scale)
        return storeF32(extendToF32(b, asVector(b, value)), turn.head, column);
      Place place = placeIn(outRef, out, turn.head, column);
      b.store(value, out, place.offset, place.column);
    });
}

/// The first workgroups write keys, a wave each; the others some heads of a
/// token each.
static Refusal emitRopeMlaCacheWrite(RopeMlaCacheWriteOp op,
                                     EmitterContext &context) {
  if (Refusal refusal = refuseCacheWrite(op, context.target))
    return refusal;
  SmallVector<Value> rows = {op.getQPe(), op.getQOut()};
  for (Value row : {op.getQNope(), op.getKRot()})
    if (row)
      rows.push_back(row);
  llvm::append_range(rows, op.getTables());
  if (Refusal refusal = refuseColumns(rows))
    return refusal;
  HeadsConfig config =
      getHeadsConfig(context.target, getNumHeads(op.getQPe()),
                     op.getQNope() ? columnsOf(op.getQNope()) : 0,
                     getRopeConfig(getRotatedColumns(op.getTables()),
                                   op.getStyle() == RopeStyle::NeoX));
  KernelBuilder b(op, context, config.threads,
                  vectorFor(columnsOf(op.getKvC())));
  Rotation rotation = Rotation::of(b, op, /*inverse=*/false);
  KeyWriter keys(b, op, op.getKRot());
  QueryWriter query(b, op, config, rotation);

  // Keys come first: they take the longest.
  Value hostKeyGroups = keys.hostGroups();
  Value keyGroups = b.parameter32(hostKeyGroups);
  Value group = b.workgroup();
  Value isKey = b.cmpi(IPredicate::ult, group, keyGroups);
  Value isQuery = b.cmpi(IPredicate::uge, group, keyGroups);
  b.ifThen(isKey, [&] { keys.write(group, &rotation); });
  b.ifThen(isQuery, [&] { query.write(b.subi(group, keyGroups)); });

  b.setBytesPerRow(bytesPerToken({op.getQNope(), op.getQPe(), op.getQOut(),
                                  op.getKvC(), op.getKPe(), op.getKRot()}) +
                   cacheBytesPerToken(op));
  OpBuilder &host = b.host();
  Value queryGroups =
      arith::MulIOp::create(host, op.getLoc(), b.hostSize(op.getQPe(), 0),
                            query.hostGroupsPerToken());
  Value grid =
      arith::AddIOp::create(host, op.getLoc(), hostKeyGroups, queryGroups);
  b.launch(grid);
  return std::nullopt;
}

void lm::addCacheEmitters(EmitterMap &emitters) {
  addEmitter<MlaCacheWriteOp, emitMlaCacheWrite>(emitters);
  addEmitter<RopeMlaCacheWriteOp, emitRopeMlaCacheWrite>(emitters);
}
