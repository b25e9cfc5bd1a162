// y = sqrt(x * f + 1) for rows of 1024 f32, four per thread. The shuffle passes
// what it gets through the neighbour and back, LDS holds one value per thread.
module attributes {gpu.container_module} {
func.func private @hipfuse_device_f(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = arith.constant 1 : index
  %c256 = arith.constant 256 : index
  %px = llvm.load %data : !llvm.ptr -> i64
  %x = llvm.inttoptr %px : i64 to !llvm.ptr<1>
  %rows = llvm.load %dims : !llvm.ptr -> i64
  %grid = arith.index_cast %rows : i64 to index
  %f = arith.constant 2.0 : f32
  gpu.launch_func @hipfuse_kernels::@scale_0 blocks in (%grid, %c1, %c1) threads in (%c256, %c1, %c1)
      args(%x : !llvm.ptr<1>, %x : !llvm.ptr<1>, %f : f32)
  return %c0 : i32
}

gpu.module @hipfuse_kernels {
  llvm.mlir.global internal @scale_0_lds() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<1024 x i8>
  gpu.func @scale_0(%x: !llvm.ptr<1> {llvm.noalias}, %y: !llvm.ptr<1> {llvm.noalias}, %f: f32)
      kernel attributes {known_block_size = array<i32: 256, 1, 1>, lm.bytes_per_row = 8192 : i64} {
    %c256 = arith.constant 256 : index
    %one = arith.constant dense<1.0> : vector<4xf32>
    %thread = gpu.thread_id x
    %block = gpu.block_id x
    %row = arith.muli %block, %c256 : index
    %at = arith.addi %row, %thread : index
    %at64 = arith.index_cast %at : index to i64
    %lane = arith.index_cast %thread : index to i32
    %lds = llvm.mlir.addressof @scale_0_lds : !llvm.ptr<3>
    %slot = llvm.getelementptr %lds[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %f, %slot : f32, !llvm.ptr<3>
    gpu.barrier
    %factor = llvm.load %slot : !llvm.ptr<3> -> f32
    %px = llvm.getelementptr %x[%at64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xf32>
    %v = llvm.load %px {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
    %factors = vector.broadcast %factor : f32 to vector<4xf32>
    %product = arith.mulf %v, %factors : vector<4xf32>
    %sum = arith.addf %product, %one : vector<4xf32>
    %root = math.sqrt %sum : vector<4xf32>
    %low = vector.extract_strided_slice %root {offsets = [0], sizes = [2], strides = [1]} : vector<4xf32> to vector<2xf32>
    %high = vector.extract_strided_slice %root {offsets = [2], sizes = [2], strides = [1]} : vector<4xf32> to vector<2xf32>
    %first = vector.insert_strided_slice %low, %root {offsets = [0], strides = [1]} : vector<2xf32> into vector<4xf32>
    %all = vector.insert_strided_slice %high, %first {offsets = [2], strides = [1]} : vector<2xf32> into vector<4xf32>
    %shape = vector.shape_cast %all : vector<4xf32> to vector<2x2xf32>
    %flat = vector.shape_cast %shape : vector<2x2xf32> to vector<4xf32>
    %py = llvm.getelementptr %y[%at64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xf32>
    llvm.store %flat, %py {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
    gpu.return
  }
}
}
