//===-- KeyTile.cpp - A tile of keys in LDS as matrix units read it -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyTile.h"

using namespace mlir::lm;

static int64_t bit(int64_t value, int64_t index) { return value >> index & 1; }

// The 16 keys of a wave have 16 different numbers, so a column of them is in
// all banks. The 8 keys of one half (0-7, 8-15) differ above the lowest bit:
// two adjacent chunks of each, which a transposing read takes, are in all banks
// too. Keys 0-3 share the upper bits with 12-15, and 4-7 with 8-11: the lanes
// that LDS serves together may then belong to two adjacent chunks.
int64_t keytile::rowSwizzle(int64_t key) {
  int64_t low = (key & 7) ^ (bit(key, 3) << 2);
  return low << 1 | bit(key, 3);
}

// Two lines fill all banks: bit 2 of the key chooses the half, the other bits
// the swizzle.
int64_t keytile::lineSwizzle(int64_t key) {
  return bit(key, 0) | bit(key, 1) << 1 | bit(key, 3) << 2;
}

static int64_t lineOf(int64_t key) {
  return (key & ~int64_t(15)) | keytile::lineSwizzle(key) << 1 | bit(key, 2);
}

int64_t keytile::keyOfLine(int64_t line) {
  return bit(line, 1) | bit(line, 2) << 1 | bit(line, 0) << 2 |
         bit(line, 3) << 3;
}

int64_t keytile::rowChunk(int64_t key, int64_t chunk) {
  return key * kRowChunks + (chunk ^ rowSwizzle(key));
}

int64_t keytile::lineChunk(int64_t key, int64_t chunk) {
  return lineOf(key) * kLineChunks + (chunk ^ lineSwizzle(key));
}

int64_t keytile::scoreRead(int64_t lane, int64_t step) {
  int64_t key = lane % 16, chunk = 4 * step + lane / 16;
  return kChunkBytes * (chunk < kRowChunks
                            ? rowChunk(key, chunk)
                            : lineChunk(key, chunk - kRowChunks));
}

int64_t keytile::valueRead(int64_t lane, int64_t keyTile, int64_t columnTile) {
  int64_t key = 16 * keyTile + 4 * (lane / 16) + lane % 16 / 4;
  int64_t column = 16 * columnTile + 4 * (lane % 4);
  return kChunkBytes * rowChunk(key, column / 8) + column % 8 * 2;
}

// 16 adjacent lanes fill four keys whose chunks lie in different places.
int64_t keytile::filledKey(int64_t lane) {
  return lane / 16 + 4 * (lane / 4 % 4);
}

int64_t keytile::filledQuarter(int64_t lane) { return lane % 4; }

int64_t keytile::filledChunk(int64_t lane, int64_t step, int64_t half) {
  return 8 * step + 2 * filledQuarter(lane) + half;
}

int64_t keytile::filledLineChunk(int64_t lane, int64_t step) {
  return 4 * step + filledQuarter(lane);
}

// A lane's pairs are every other chunk of a line: of the two keys that lanes
// served together have in one half of the banks, one stores the other chunks.
bool keytile::swapsHalves(int64_t lane) {
  int64_t key = filledKey(lane);
  return (bit(key, 0) ^ bit(key, 3)) != 0;
}

int64_t keytile::filledLinePair(int64_t lane, int64_t half) {
  return 2 * filledQuarter(lane) + (half ^ int64_t(swapsHalves(lane)));
}

int64_t keytile::fill(int64_t lane, int64_t step, int64_t half) {
  return kChunkBytes * rowChunk(filledKey(lane), filledChunk(lane, step, half));
}

int64_t keytile::fillLine(int64_t lane, int64_t step) {
  return kChunkBytes * lineChunk(filledKey(lane), filledLineChunk(lane, step));
}

int64_t keytile::fillLinePair(int64_t lane, int64_t half) {
  return kChunkBytes * lineChunk(filledKey(lane), filledLinePair(lane, half));
}

int64_t keytile::copiedChunk(int64_t lane, int64_t key) {
  return lane ^ rowSwizzle(key);
}

int64_t keytile::copiedLineKey(int64_t lane, int64_t step) {
  return keyOfLine(8 * step + lane / 8);
}

int64_t keytile::copiedLineChunk(int64_t lane, int64_t step) {
  return lane % 8 ^ lineSwizzle(copiedLineKey(lane, step));
}

int64_t keytile::weightPlace(int64_t lane, int64_t keyTile) {
  return keyTile * kLanes * 8 + lane * 8;
}
