// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics --hipfuse-make-entry-points

// expected-error @+1 {{argument 'arg0' of public function 'f' has type 'f32', but an artefact takes ranked tensors}}
func.func @f(%x: f32) {
  return
}

// -----

// expected-error @+1 {{argument 'x' of public function 'f' has element type 'i7', which an artefact cannot name}}
func.func @f(%x: tensor<4xi7> {lm.name = "x"}) {
  return
}

// -----

// expected-error @+1 {{result 'result0' of public function 'f' has type 'memref<4xf32>', but an artefact takes ranked tensors}}
func.func @f(%x: tensor<4xf32>) -> memref<4xf32> {
  %0 = memref.alloc() : memref<4xf32>
  return %0 : memref<4xf32>
}

// -----

func.func private @g(tensor<4xf32>) -> tensor<4xf32>
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{call of 'g' remains; an entry needs its callees inlined}}
  %0 = call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xi64>, %y: tensor<4xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{this size does not follow from the shapes of the arguments of 'f'}}
  %s = tensor.extract %x[%c0] : tensor<4xi64>
  %n = arith.index_cast %s : i64 to index
  %0 = tensor.empty(%n) : tensor<?xf32>
  return %0 : tensor<?xf32>
}
