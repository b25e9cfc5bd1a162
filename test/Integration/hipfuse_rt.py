# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C API for test drivers: numpy arrays in, numpy arrays out."""

import argparse
import ctypes
import os

import numpy as np

_DTYPES = {1: np.float64, 2: np.float32, 3: np.float16, 4: np.uint16,
           5: np.bool_, 6: np.uint8, 7: np.int16, 8: np.int32, 9: np.int64,
           10: np.uint8, 11: np.uint8, 12: np.uint8, 13: np.uint8}

# Bytes of a NaN, by floating-point type.
_NAN = {1: 0xFF, 2: 0xFF, 3: 0xFF, 4: 0xFF, 10: 0xFF, 11: 0x80, 12: 0xFF,
        13: 0xFF}


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


class NoCode(RuntimeError):
    """The artefact has no code of a function for the device."""


_UNIMPLEMENTED = 8  # HIPFUSE_RT_UNIMPLEMENTED


class Runtime:
    """The shared library, of a build folder or itself, and one device."""

    def __init__(self, build_dir, device="host"):
        library = build_dir
        if os.path.isdir(build_dir):
            library = os.path.join(build_dir, "runtime", "libhipfuse_rt.so")
        self.lib = ctypes.CDLL(library)
        self.lib.hipfuse_rt_status_get_message.restype = ctypes.c_char_p
        self.lib.hipfuse_rt_function_get_desc.restype = ctypes.POINTER(
            _FunctionDesc)
        self.lib.hipfuse_rt_device_get_info.restype = ctypes.POINTER(
            _DeviceInfo)
        for name in ("device_open", "device_allocate", "device_free",
                     "device_copy_to", "device_copy_from", "device_fill",
                     "stream_synchronize", "module_load", "module_lookup",
                     "function_result_shapes", "function_workspace_size",
                     "function_launch"):
            getattr(self.lib, "hipfuse_rt_" + name).restype = ctypes.c_void_p
        self.device = ctypes.c_void_p()
        self._check(self.lib.hipfuse_rt_device_open(
            device.encode(), ctypes.byref(self.device)))

    def _check(self, status):
        if status:
            status = ctypes.c_void_p(status)
            message = self.lib.hipfuse_rt_status_get_message(status).decode()
            code = self.lib.hipfuse_rt_status_get_code(status)
            self.lib.hipfuse_rt_status_free(status)
            raise (NoCode if code == _UNIMPLEMENTED else RuntimeError)(message)

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

    def call(self, name, arrays, scratch=0xFF):
        """Calls `name`; returns its results. Arguments are copied to the
        device's memory, so that an update in place leaves the caller's arrays
        alone. Before the call results hold NaN, or 0xA5 where they are
        integers, and every byte of the workspace is `scratch`."""
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
                    array.view(np.uint8).fill(
                        _NAN.get(desc.results[i].dtype, 0xA5))
                    buffers.append(runtime.allocate(array))
                    outputs.append((array, buffers[-1]))
                    keep.append(self._fill(results[i], array,
                                           desc.results[i].dtype))
                    results[i].data = buffers[-1]
                first += rank
            size = ctypes.c_uint64()
            check(lib.hipfuse_rt_function_workspace_size(
                function, ctypes.c_size_t(len(arrays)), args,
                ctypes.byref(size)))
            workspace = ctypes.c_void_p()
            check(lib.hipfuse_rt_device_allocate(runtime.device, size,
                                                 ctypes.byref(workspace)))
            buffers.append(workspace)
            if size.value:
                check(lib.hipfuse_rt_device_fill(
                    runtime.device, workspace, ctypes.c_uint8(scratch), size))
            check(lib.hipfuse_rt_function_launch(
                function, None, workspace, size,
                ctypes.c_size_t(len(arrays)), args,
                ctypes.c_size_t(len(ranks)), results))
            check(lib.hipfuse_rt_stream_synchronize(runtime.device, None))
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


def argument_parser(description):
    """Arguments of a driver that compiles programs, runs them, or both."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--build", help="build folder with the compiler")
    parser.add_argument("--runtime", help="libhipfuse_rt.so (default: the "
                        "build's)")
    parser.add_argument("--artefact", help="run this, compile nothing")
    parser.add_argument("--save", help="compile to this file, run nothing")
    parser.add_argument("--compile-option", action="append", default=[])
    parser.add_argument("--device")
    parser.add_argument("--target", help="default: the device's architecture")
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    return parser


def parse_arguments(parser):
    """The arguments, and the seed, drawn if none is given."""
    args = parser.parse_args()
    if not args.device and not (args.save and args.target):
        parser.error("--device, or --save and --target, must be given")
    if not args.build and not (args.runtime and args.artefact):
        parser.error("--build, or --runtime and --artefact, must be given")
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    return args, seed
