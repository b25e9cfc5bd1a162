//===-- Descriptor.cpp - The artefact's descriptor as LLVM globals --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Descriptor.h"

#include "hipfuse-rt/artifact.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace hipfuse {

std::optional<int32_t> getRuntimeDtype(Type type) {
  return llvm::TypeSwitch<Type, std::optional<int32_t>>(type)
      .Case([](Float64Type) { return HIPFUSE_RT_F64; })
      .Case([](Float32Type) { return HIPFUSE_RT_F32; })
      .Case([](Float16Type) { return HIPFUSE_RT_F16; })
      .Case([](BFloat16Type) { return HIPFUSE_RT_BF16; })
      .Case([](Float8E4M3FNType) { return HIPFUSE_RT_F8E4M3FN; })
      .Case([](Float8E4M3FNUZType) { return HIPFUSE_RT_F8E4M3FNUZ; })
      .Case([](Float8E5M2Type) { return HIPFUSE_RT_F8E5M2; })
      .Case([](Float8E8M0FNUType) { return HIPFUSE_RT_F8E8M0FNU; })
      .Case([](IntegerType type) -> std::optional<int32_t> {
        switch (type.getWidth()) {
        case 1:
          return HIPFUSE_RT_I1;
        case 8:
          return HIPFUSE_RT_I8;
        case 16:
          return HIPFUSE_RT_I16;
        case 32:
          return HIPFUSE_RT_I32;
        case 64:
          return HIPFUSE_RT_I64;
        default:
          return std::nullopt;
        }
      })
      .Default([](Type) { return std::nullopt; });
}

namespace {

/// Builds constant globals: a value is an attribute (a number), or the name of
/// a global or function whose address is meant; "" is a null pointer.
class GlobalBuilder {
public:
  using Field = std::variant<int64_t, int32_t, std::string>;
  using Struct = SmallVector<Field>;

  explicit GlobalBuilder(ModuleOp module)
      : builder(module.getBodyRegion()), loc(module.getLoc()) {
    builder.setInsertionPointToEnd(module.getBody());
    ptr = LLVM::LLVMPointerType::get(module.getContext());
  }

  std::string addString(StringRef text) {
    std::string name = nextName();
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), text.size() + 1);
    LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true,
                           LLVM::Linkage::Internal, name,
                           builder.getStringAttr(Twine(text) + Twine('\0')));
    return name;
  }

  std::string addI64Array(ArrayRef<int64_t> values) {
    if (values.empty())
      return "";
    std::string name = nextName();
    auto type = LLVM::LLVMArrayType::get(builder.getI64Type(), values.size());
    LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true,
                           LLVM::Linkage::Internal, name,
                           builder.getI64TensorAttr(values));
    return name;
  }

  /// An array of structs of one type, or "" if there is none.
  std::string addStructs(ArrayRef<Struct> structs) {
    if (structs.empty())
      return "";
    std::string name = nextName();
    Type element = structType(structs.front());
    auto type = LLVM::LLVMArrayType::get(element, structs.size());
    addGlobal(name, type, LLVM::Linkage::Internal, [&] {
      Value array = LLVM::PoisonOp::create(builder, loc, type);
      for (auto [i, fields] : llvm::enumerate(structs))
        array = LLVM::InsertValueOp::create(builder, loc, array,
                                            structValue(fields, element), i);
      return array;
    });
    return name;
  }

  LLVM::GlobalOp addStruct(StringRef name, const Struct &fields) {
    Type type = structType(fields);
    return addGlobal(name, type, LLVM::Linkage::External,
                     [&] { return structValue(fields, type); });
  }

private:
  std::string nextName() {
    return "hipfuse_data_" + std::to_string(numGlobals++);
  }

  Type structType(const Struct &fields) {
    SmallVector<Type> types;
    for (const Field &field : fields)
      types.push_back(
          std::holds_alternative<int32_t>(field)   ? Type(builder.getI32Type())
          : std::holds_alternative<int64_t>(field) ? Type(builder.getI64Type())
                                                   : Type(ptr));
    return LLVM::LLVMStructType::getLiteral(builder.getContext(), types);
  }

  Value structValue(const Struct &fields, Type type) {
    Value value = LLVM::PoisonOp::create(builder, loc, type);
    for (auto [i, field] : llvm::enumerate(fields)) {
      Value element;
      if (auto *number = std::get_if<int32_t>(&field))
        element = LLVM::ConstantOp::create(builder, loc,
                                           builder.getI32IntegerAttr(*number));
      else if (auto *number = std::get_if<int64_t>(&field))
        element = LLVM::ConstantOp::create(builder, loc,
                                           builder.getI64IntegerAttr(*number));
      else if (const auto &symbol = std::get<std::string>(field);
               symbol.empty())
        element = LLVM::ZeroOp::create(builder, loc, ptr);
      else
        element = LLVM::AddressOfOp::create(builder, loc, ptr, symbol);
      value = LLVM::InsertValueOp::create(builder, loc, value, element, i);
    }
    return value;
  }

  LLVM::GlobalOp addGlobal(StringRef name, Type type, LLVM::Linkage linkage,
                           function_ref<Value()> init) {
    auto global =
        LLVM::GlobalOp::create(builder, loc, type,
                               /*isConstant=*/true, linkage, name, Attribute());
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&global.getInitializerRegion());
    LLVM::ReturnOp::create(builder, loc, init());
    return global;
  }

  OpBuilder builder;
  Location loc;
  Type ptr;
  unsigned numGlobals = 0;
};

} // namespace

void emitModuleDescriptor(ModuleOp module, StringRef producer,
                          ArrayRef<FunctionDescriptor> functions) {
  GlobalBuilder globals(module);
  auto addTensors = [&](ArrayRef<TensorDescriptor> tensors) {
    SmallVector<GlobalBuilder::Struct> structs;
    for (const TensorDescriptor &tensor : tensors) {
      SmallVector<int64_t> dims(tensor.type.getShape());
      for (int64_t &dim : dims)
        if (ShapedType::isDynamic(dim))
          dim = HIPFUSE_RT_DYNAMIC;
      structs.push_back({globals.addString(tensor.name),
                         *getRuntimeDtype(tensor.type.getElementType()),
                         int32_t(dims.size()), globals.addI64Array(dims),
                         tensor.tiedArg, int32_t(0)});
    }
    return globals.addStructs(structs);
  };

  SmallVector<GlobalBuilder::Struct> structs;
  for (const FunctionDescriptor &function : functions) {
    SmallVector<GlobalBuilder::Struct> constraints;
    for (StringRef text : function.constraints)
      constraints.push_back({globals.addString(text)});
    structs.push_back(
        {globals.addString(function.name), int32_t(function.args.size()),
         int32_t(function.results.size()), addTensors(function.args),
         addTensors(function.results), function.hostSymbol,
         function.shapeSymbol, globals.addStructs(constraints),
         int32_t(constraints.size()), int32_t(0), std::string()});
  }
  globals.addStruct(HIPFUSE_RT_MODULE_SYMBOL,
                    {int32_t(HIPFUSE_RT_MODULE_MAGIC),
                     int32_t(HIPFUSE_RT_ABI_VERSION),
                     int32_t(sizeof(hipfuse_rt_module_desc)), int32_t(0),
                     globals.addString(producer), int32_t(functions.size()),
                     int32_t(0), globals.addStructs(structs), std::string()});

  // The note: header, owner, descriptor; the seal is written after linking.
  static_assert(sizeof(HIPFUSE_RT_NOTE_NAME) == 8, "the owner fills two words");
  int64_t owner;
  memcpy(&owner, HIPFUSE_RT_NOTE_NAME, sizeof(owner));
  LLVM::GlobalOp note = globals.addStruct(
      "hipfuse_note",
      {int32_t(8), int32_t(sizeof(hipfuse_rt_note_desc)),
       int32_t(HIPFUSE_RT_NOTE_TYPE), int32_t(owner), int32_t(owner >> 32),
       int32_t(HIPFUSE_RT_ABI_VERSION), int32_t(0), int32_t(0), int32_t(0)});
  note.setSection(HIPFUSE_RT_NOTE_SECTION);
  note.setAlignment(4);
  note.setVisibility_(LLVM::Visibility::Hidden);
}

} // namespace hipfuse
