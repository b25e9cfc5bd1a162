gpu.module @hipfuse_kernels {}
