# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Independent numpy reference of the operations Hipfuse compiles.

Values are computed in float64; every narrowing that belongs to an operation's
contract is applied explicitly, once, where the operation defines it. Nothing
here uses the compiler.
"""
