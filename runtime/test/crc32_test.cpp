//===-- crc32_test.cpp - CRC-32 -------------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "crc32.h"

#include "gtest/gtest.h"

#include <string>

using hipfuse::rt::crc32;

TEST(Crc32, KnownValues) {
  EXPECT_EQ(crc32(0, "", 0), 0u);
  EXPECT_EQ(crc32(0, "123456789", 9), 0xCBF43926u);
  EXPECT_EQ(crc32(0, "The quick brown fox jumps over the lazy dog", 43),
            0x414FA339u);
}

TEST(Crc32, PartsEqualTheWhole) {
  std::string text = "a text that is longer than a few steps of eight bytes";
  uint32_t whole = crc32(0, text.data(), text.size());
  for (size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(
        crc32(crc32(0, text.data(), cut), text.data() + cut, text.size() - cut),
        whole);
}
