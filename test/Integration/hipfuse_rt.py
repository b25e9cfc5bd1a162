# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C API for test drivers: numpy arrays in, numpy arrays out."""

import ctypes
import os

import numpy as np

_DTYPES = {1: np.float64, 2: np.float32, 3: np.float16, 4: np.uint16,
           5: np.bool_, 6: np.uint8, 7: np.int16, 8: np.int32, 9: np.int64,
           10: np.uint8, 11: np.uint8, 12: np.uint8, 13: np.uint8}


class _TensorDesc(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int32),
                ("rank", ctypes.c_int32),
                ("dims", ctypes.POINTER(ctypes.c_int64)),
                ("tied_arg", ctypes.c_int32), ("flags", ctypes.c_uint32)]


class _FunctionDesc(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("n_args", ctypes.c_uint32),
                ("n_results", ctypes.c_uint32),
                ("args", ctypes.POINTER(_TensorDesc)),
                ("results", ctypes.POINTER(_TensorDesc))]


class _DeviceInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 64),
                ("description", ctypes.c_char * 1024),
                ("architecture", ctypes.c_char * 64),
                ("kind", ctypes.c_int32), ("compute_units", ctypes.c_uint32),
                ("memory_size", ctypes.c_uint64),
                ("cache_size", ctypes.c_uint64)]


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint64),
                ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("dims", ctypes.POINTER(ctypes.c_int64))]


class Runtime:
    """The shared library and one device."""

    def __init__(self, build_dir, device="host"):
        library = os.path.join(build_dir, "runtime", "libhipfuse_rt.so")
        self.lib = ctypes.CDLL(library)
        self.lib.hipfuse_rt_status_get_message.restype = ctypes.c_char_p
        self.lib.hipfuse_rt_function_get_desc.restype = ctypes.POINTER(
            _FunctionDesc)
        self.lib.hipfuse_rt_device_get_info.restype = ctypes.POINTER(
            _DeviceInfo)
        for name in ("device_open", "device_allocate", "device_free",
                     "device_copy_to", "device_copy_from", "module_load",
                     "module_lookup", "function_result_shapes",
                     "function_call"):
            getattr(self.lib, "hipfuse_rt_" + name).restype = ctypes.c_void_p
        self.device = ctypes.c_void_p()
        self._check(self.lib.hipfuse_rt_device_open(
            device.encode(), ctypes.byref(self.device)))

    def _check(self, status):
        if status:
            status = ctypes.c_void_p(status)
            message = self.lib.hipfuse_rt_status_get_message(status).decode()
            self.lib.hipfuse_rt_status_free(status)
            raise RuntimeError(message)

    @property
    def architecture(self):
        """The device's: "x86-64", "gfx950:sramecc+:xnack-", "sm_90"."""
        info = self.lib.hipfuse_rt_device_get_info(self.device).contents
        return info.architecture.decode()

    def load(self, path):
        return Module(self, path)

    def allocate(self, array):
        """Device memory with the array's contents; None if it has none."""
        memory = ctypes.c_void_p()
        self._check(self.lib.hipfuse_rt_device_allocate(
            self.device, ctypes.c_uint64(array.nbytes), ctypes.byref(memory)))
        if array.nbytes:
            self._check(self.lib.hipfuse_rt_device_copy_to(
                self.device, memory, ctypes.c_void_p(array.ctypes.data),
                ctypes.c_uint64(array.nbytes)))
        return memory

    def copy_from(self, memory, array):
        """Fills the array from device memory."""
        if array.nbytes:
            self._check(self.lib.hipfuse_rt_device_copy_from(
                self.device, ctypes.c_void_p(array.ctypes.data), memory,
                ctypes.c_uint64(array.nbytes)))

    def free(self, memory):
        self._check(self.lib.hipfuse_rt_device_free(self.device, memory))


class Module:
    def __init__(self, runtime, path):
        self.runtime = runtime
        self.handle = ctypes.c_void_p()
        runtime._check(runtime.lib.hipfuse_rt_module_load(
            runtime.device, os.fsencode(path), ctypes.byref(self.handle)))

    def call(self, name, arrays):
        """Calls `name`; returns its results. Arguments are copied to the
        device's memory, so that an update in place leaves the caller's arrays
        alone; results are poisoned with 0xA5 before the call."""
        runtime, lib = self.runtime, self.runtime.lib
        check = runtime._check
        function = ctypes.c_void_p()
        check(lib.hipfuse_rt_module_lookup(self.handle, name.encode(),
                                           ctypes.byref(function)))
        desc = lib.hipfuse_rt_function_get_desc(function).contents
        arrays = [np.array(a, order="C", copy=True) for a in arrays]
        args = (_Tensor * max(1, len(arrays)))()
        keep = [self._fill(args[i], a, desc.args[i].dtype)
                for i, a in enumerate(arrays)]

        ranks = [desc.results[i].rank for i in range(desc.n_results)]
        dims = (ctypes.c_int64 * max(1, sum(ranks)))()
        check(lib.hipfuse_rt_function_result_shapes(
            function, ctypes.c_size_t(len(arrays)), args, dims))
        results = (_Tensor * max(1, len(ranks)))()
        buffers, outputs, first = [], [], 0
        try:
            for i, array in enumerate(arrays):
                buffers.append(runtime.allocate(array))
                args[i].data = buffers[-1]
            for i, rank in enumerate(ranks):
                tied = desc.results[i].tied_arg
                if tied >= 0:
                    outputs.append((arrays[tied], buffers[tied]))
                else:
                    array = np.empty(dims[first:first + rank],
                                     _DTYPES[desc.results[i].dtype])
                    array.view(np.uint8).fill(0xA5)
                    buffers.append(runtime.allocate(array))
                    outputs.append((array, buffers[-1]))
                    keep.append(self._fill(results[i], array,
                                           desc.results[i].dtype))
                    results[i].data = buffers[-1]
                first += rank
            check(lib.hipfuse_rt_function_call(
                function, ctypes.c_size_t(len(arrays)), args,
                ctypes.c_size_t(len(ranks)), results))
            for array, memory in outputs:
                runtime.copy_from(memory, array)
        finally:
            for memory in buffers:
                runtime.free(memory)
        return [array for array, _ in outputs]

    @staticmethod
    def _fill(tensor, array, dtype):
        dims = (ctypes.c_int64 * max(1, array.ndim))(*array.shape)
        tensor.size = array.nbytes
        tensor.dtype = dtype
        tensor.rank = array.ndim
        tensor.dims = dims
        return dims
