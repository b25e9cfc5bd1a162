//===-- KernelTable.cpp - What the kernels of a program need --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

/// A cell per column.
static SmallVector<std::string> makeRow(gpu::KernelMetadataAttr kernel,
                                        StringRef chip) {
  auto number = [&](StringRef name) -> std::string {
    auto value = kernel.getAttr<IntegerAttr>(name);
    return value ? std::to_string(value.getInt()) : "-";
  };
  int64_t lds = kernel.getAttr<IntegerAttr>("static_lds").getInt();
  if (auto dynamic = kernel.getAttr<IntegerAttr>("dynamic_lds"))
    lds += dynamic.getInt();
  std::string spills = "-";
  if (auto vector = kernel.getAttr<IntegerAttr>("vgpr_spills"))
    spills = std::to_string(
        vector.getInt() + kernel.getAttr<IntegerAttr>("sgpr_spills").getInt());
  std::string block;
  for (int32_t size : kernel.getAttr<DenseI32ArrayAttr>("block").asArrayRef())
    block += (block.empty() ? "" : "x") + std::to_string(size);
  return {kernel.getName().str(),
          chip.str(),
          block,
          number("vgprs"),
          number("agprs"),
          number("sgprs"),
          std::to_string(lds),
          number("scratch"),
          spills,
          number("occupancy"),
          number("bytes_per_row")};
}

void printKernelTable(ModuleOp module, raw_ostream &os) {
  SmallVector<SmallVector<std::string>> rows = {
      {"kernel", "target", "block", "VGPR", "AGPR", "SGPR", "LDS", "scratch",
       "spills", "waves/SIMD", "bytes/row"}};
  for (auto binary : module.getOps<gpu::BinaryOp>()) {
    // A cubin and PTX text have the same kernels; the first object knows more.
    auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
    auto chip = object.getProperties().getAs<StringAttr>("chip");
    if (object.getKernels())
      for (gpu::KernelMetadataAttr kernel : object.getKernels())
        rows.push_back(makeRow(kernel, chip));
  }
  SmallVector<size_t> widths(rows.front().size());
  for (const auto &row : rows)
    for (auto [width, cell] : llvm::zip(widths, row))
      width = std::max(width, cell.size());
  for (const auto &row : rows) {
    // Names to the left, numbers to the right.
    std::string line;
    for (auto [i, cell] : llvm::enumerate(row)) {
      std::string pad(widths[i] - cell.size(), ' ');
      line += i < 2 ? cell + pad : pad + cell;
      line += "  ";
    }
    os << StringRef(line).rtrim() << "\n";
  }
}
