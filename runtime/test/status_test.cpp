//===-- status_test.cpp - Statuses ----------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "status.h"

#include "gtest/gtest.h"

#include <cerrno>
#include <stdexcept>

using namespace hipfuse::rt;

TEST(Status, NullIsSuccess) {
  EXPECT_EQ(hipfuse_rt_status_get_code(nullptr), HIPFUSE_RT_OK);
  EXPECT_STREQ(hipfuse_rt_status_get_message(nullptr), "");
  hipfuse_rt_status_free(nullptr);
  EXPECT_TRUE(Status().ok());
}

TEST(Status, CarriesCodeAndMessage) {
  Status status = Status::error(HIPFUSE_RT_NOT_FOUND, "no '%s' in %d", "f", 3);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), HIPFUSE_RT_NOT_FOUND);
  EXPECT_STREQ(status.message(), "no 'f' in 3");
}

TEST(Status, MessageIsOneLine) {
  Status status = Status::error(HIPFUSE_RT_INTERNAL, "%s", "a\nb\r\nc");
  EXPECT_STREQ(status.message(), "a b  c");
}

TEST(Status, LongMessageIsWhole) {
  std::string text(100000, 'x');
  Status status = Status::error(HIPFUSE_RT_INTERNAL, "%s", text.c_str());
  EXPECT_EQ(text, status.message());
}

TEST(Status, MovesOwnership) {
  Status first = Status::error(HIPFUSE_RT_INTERNAL, "first");
  Status second = std::move(first);
  EXPECT_TRUE(first.ok());
  EXPECT_STREQ(second.message(), "first");
  hipfuse_rt_status_t raw = second.release();
  EXPECT_TRUE(second.ok());
  EXPECT_EQ(hipfuse_rt_status_get_code(raw), HIPFUSE_RT_INTERNAL);
  hipfuse_rt_status_free(raw);
}

TEST(Status, OutOfMemoryNeedsNoMemory) {
  hipfuse_rt_status_t raw = guarded([]() -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(hipfuse_rt_status_get_code(raw), HIPFUSE_RT_OUT_OF_MEMORY);
  EXPECT_STREQ(hipfuse_rt_status_get_message(raw), "out of memory");
  hipfuse_rt_status_free(raw);
}

TEST(Status, NoExceptionLeaves) {
  hipfuse_rt_status_t raw =
      guarded([]() -> Status { throw std::runtime_error("surprise"); });
  EXPECT_EQ(hipfuse_rt_status_get_code(raw), HIPFUSE_RT_INTERNAL);
  EXPECT_STREQ(hipfuse_rt_status_get_message(raw),
               "unexpected failure: surprise");
  hipfuse_rt_status_free(raw);
}

TEST(Status, EveryCodeHasAName) {
  for (int code = HIPFUSE_RT_OK; code <= HIPFUSE_RT_UNIMPLEMENTED; ++code)
    EXPECT_STRNE(
        hipfuse_rt_status_code_name(static_cast<hipfuse_rt_status_code>(code)),
        "unknown");
}

TEST(Status, ErrnoText) {
  EXPECT_EQ(errnoText(ENOENT), "No such file or directory");
}
