//===-- EmitDescriptor.cpp - The artefact's descriptor as LLVM globals ----===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeDtype.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Package/Passes.h"

#include "hipfuse-rt/artifact.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSwitch.h"

#define DEBUG_TYPE "hipfuse-emit-descriptor"

namespace hipfuse {
#define GEN_PASS_DEF_EMITDESCRIPTORPASS
#include "hipfuse/Package/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;
using namespace hipfuse;

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

  /// Bytes as they are, aligned to `alignment`.
  std::string addBytes(StringAttr bytes, uint64_t alignment) {
    std::string name = nextName();
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
    auto global = LLVM::GlobalOp::create(builder, loc, type,
                                         /*isConstant=*/true,
                                         LLVM::Linkage::Internal, name, bytes);
    global.setAlignment(alignment);
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

/// A number of a kernel's metadata.
int32_t getNumber(gpu::KernelMetadataAttr kernel, StringRef name) {
  return cast<IntegerAttr>(kernel.getAttr(name)).getInt();
}

class DescriptorBuilder {
public:
  DescriptorBuilder(ModuleOp module, StringRef producer)
      : module(module), globals(module), producer(producer) {}

  void emitModule() {
    SmallVector<GlobalBuilder::Struct> functions, objects;
    for (lm::EntryPointAttr entry : lm::getEntryPoints(module))
      functions.push_back(makeFunction(entry));
    for (auto binary : module.getOps<gpu::BinaryOp>())
      for (auto object : binary.getObjects().getAsRange<gpu::ObjectAttr>())
        objects.push_back(makeCodeObject(object));
    globals.addStruct(HIPFUSE_RT_MODULE_SYMBOL,
                      {int32_t(HIPFUSE_RT_MODULE_MAGIC),
                       int32_t(HIPFUSE_RT_ABI_VERSION),
                       int32_t(sizeof(hipfuse_rt_module_desc)), int32_t(0),
                       globals.addString(producer), int32_t(functions.size()),
                       int32_t(objects.size()), globals.addStructs(functions),
                       globals.addStructs(objects)});
  }

  void emitNote();

private:
  std::string addTensors(ArrayAttr buffers);
  GlobalBuilder::Struct makeFunction(lm::EntryPointAttr entry);
  GlobalBuilder::Struct makeKernel(gpu::KernelMetadataAttr kernel);
  GlobalBuilder::Struct makeCodeObject(gpu::ObjectAttr object);

  ModuleOp module;
  GlobalBuilder globals;
  StringRef producer;
};

std::string DescriptorBuilder::addTensors(ArrayAttr buffers) {
  SmallVector<GlobalBuilder::Struct> structs;
  for (auto buffer : buffers.getAsRange<lm::EntryBufferAttr>()) {
    SmallVector<int64_t> dims(buffer.getType().getShape());
    for (int64_t &dim : dims)
      if (ShapedType::isDynamic(dim))
        dim = HIPFUSE_RT_DYNAMIC;
    structs.push_back({globals.addString(buffer.getName()),
                       *getRuntimeDtype(buffer.getType().getElementType()),
                       int32_t(dims.size()), globals.addI64Array(dims),
                       int32_t(buffer.getTied()), int32_t(0)});
  }
  return globals.addStructs(structs);
}

GlobalBuilder::Struct
DescriptorBuilder::makeFunction(lm::EntryPointAttr entry) {
  SmallVector<GlobalBuilder::Struct> constraints, devices;
  if (entry.getConstraints())
    for (auto text : entry.getConstraints().getAsRange<StringAttr>())
      constraints.push_back({globals.addString(text)});
  for (lm::DeviceCodeAttr code : lm::getDeviceCodes(entry))
    devices.push_back({globals.addString(code.getTarget()),
                       code.getLaunch().getValue().str()});
  return {globals.addString(entry.getName()),
          int32_t(entry.getArgs().size()),
          int32_t(entry.getResults().size()),
          addTensors(entry.getArgs()),
          addTensors(entry.getResults()),
          entry.getHost() ? entry.getHost().getValue().str() : std::string(),
          entry.getShape().getValue().str(),
          globals.addStructs(constraints),
          int32_t(constraints.size()),
          int32_t(devices.size()),
          globals.addStructs(devices)};
}

GlobalBuilder::Struct
DescriptorBuilder::makeKernel(gpu::KernelMetadataAttr kernel) {
  auto block = kernel.getAttr<DenseI32ArrayAttr>("block");
  std::string sizes;
  for (int32_t size : kernel.getAttr<DenseI32ArrayAttr>("params").asArrayRef())
    sizes.push_back(static_cast<char>(size));
  int32_t numParams = sizes.size();
  if (!sizes.empty())
    sizes = globals.addBytes(StringAttr::get(module.getContext(), sizes), 1);
  return {globals.addString(kernel.getName()),
          block[0],
          block[1],
          block[2],
          getNumber(kernel, "static_lds"),
          getNumber(kernel, "kernarg_size"),
          numParams,
          int32_t(kernel.getAttr<UnitAttr>("starts_early")
                      ? HIPFUSE_RT_KERNEL_STARTS_EARLY
                      : 0),
          sizes};
}

GlobalBuilder::Struct
DescriptorBuilder::makeCodeObject(gpu::ObjectAttr object) {
  auto chip = object.getProperties().getAs<StringAttr>("chip");
  auto kindName = object.getProperties().getAs<StringAttr>("kind");
  int32_t kind = llvm::StringSwitch<int32_t>(kindName)
                     .Case("hsaco", HIPFUSE_RT_CODE_OBJECT_HSACO)
                     .Case("cubin", HIPFUSE_RT_CODE_OBJECT_CUBIN)
                     .Case("ptx", HIPFUSE_RT_CODE_OBJECT_PTX);
  // Text ends with a NUL, which its size counts.
  StringAttr bytes = object.getObject();
  if (kind == HIPFUSE_RT_CODE_OBJECT_PTX)
    bytes =
        StringAttr::get(module.getContext(), bytes.getValue() + Twine('\0'));
  SmallVector<GlobalBuilder::Struct> kernels;
  if (object.getKernels())
    for (gpu::KernelMetadataAttr kernel : object.getKernels())
      kernels.push_back(makeKernel(kernel));
  return {globals.addString(chip),
          kind,
          int32_t(0),
          globals.addBytes(bytes, 16),
          int64_t(bytes.size()),
          int32_t(kernels.size()),
          globals.addStructs(kernels)};
}

void DescriptorBuilder::emitNote() {
  // Header, owner, descriptor; the seal is written after linking.
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

struct EmitDescriptorPass final
    : hipfuse::impl::EmitDescriptorPassBase<EmitDescriptorPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    DescriptorBuilder builder(module, producer);
    builder.emitModule();
    builder.emitNote();
    for (auto binary :
         llvm::make_early_inc_range(module.getOps<gpu::BinaryOp>()))
      binary.erase();
    module->removeAttr(lm::EntryPointAttr::kName);
  }
};

} // namespace
