# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime's C API for test drivers: numpy arrays in, numpy arrays out."""

import argparse
import contextlib
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
                     "stream_create", "stream_destroy",
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

    @contextlib.contextmanager
    def workspace(self, size, byte):
        """Device memory of `size` bytes, all `byte`."""
        memory = ctypes.c_void_p()
        self._check(self.lib.hipfuse_rt_device_allocate(
            self.device, ctypes.c_uint64(size), ctypes.byref(memory)))
        try:
            if size:
                self._check(self.lib.hipfuse_rt_device_fill(
                    self.device, memory, ctypes.c_uint8(byte),
                    ctypes.c_uint64(size)))
            yield memory
        finally:
            self.free(memory)

    @contextlib.contextmanager
    def stream(self):
        """A stream that does not wait for the default one."""
        stream = ctypes.c_void_p()
        self._check(self.lib.hipfuse_rt_stream_create(self.device,
                                                      ctypes.byref(stream)))
        try:
            yield stream
        finally:
            self._check(self.lib.hipfuse_rt_stream_destroy(self.device,
                                                           stream))

    def synchronize(self, stream=None):
        self._check(self.lib.hipfuse_rt_stream_synchronize(self.device,
                                                           stream))


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
        runtime = self.runtime
        with Call(self, name, arrays) as call:
            with runtime.workspace(call.workspace_size, scratch) as workspace:
                call.launch(workspace)
                runtime.synchronize()
            return call.results()


class Call:
    """A call of a function with buffers of its own, which may be launched any
    number of times; one that updates an argument goes on from there."""

    def __init__(self, module, name, arrays):
        self.runtime = runtime = module.runtime
        check, lib = runtime._check, runtime.lib
        self.function = ctypes.c_void_p()
        check(lib.hipfuse_rt_module_lookup(module.handle, name.encode(),
                                           ctypes.byref(self.function)))
        desc = lib.hipfuse_rt_function_get_desc(self.function).contents
        arrays = [np.array(a, order="C", copy=True) for a in arrays]
        self.args = (_Tensor * max(1, len(arrays)))()
        self.count = ctypes.c_size_t(len(arrays))
        self.keep = [self._fill(self.args[i], a, desc.args[i].dtype)
                     for i, a in enumerate(arrays)]
        ranks = [desc.results[i].rank for i in range(desc.n_results)]
        dims = (ctypes.c_int64 * max(1, sum(ranks)))()
        check(lib.hipfuse_rt_function_result_shapes(
            self.function, self.count, self.args, dims))
        self.outs = (_Tensor * max(1, len(ranks)))()
        self.out_count = ctypes.c_size_t(len(ranks))
        self.buffers, self.outputs, first = [], [], 0
        try:
            for i, array in enumerate(arrays):
                self.buffers.append(runtime.allocate(array))
                self.args[i].data = self.buffers[-1]
            for i, rank in enumerate(ranks):
                tied, dtype = desc.results[i].tied_arg, desc.results[i].dtype
                if tied >= 0:
                    self.outputs.append((arrays[tied], self.buffers[tied]))
                else:
                    array = np.empty(dims[first:first + rank], _DTYPES[dtype])
                    array.view(np.uint8).fill(_NAN.get(dtype, 0xA5))
                    self.buffers.append(runtime.allocate(array))
                    self.outputs.append((array, self.buffers[-1]))
                    self.keep.append(self._fill(self.outs[i], array, dtype))
                    self.outs[i].data = self.buffers[-1]
                first += rank
            size = ctypes.c_uint64()
            check(lib.hipfuse_rt_function_workspace_size(
                self.function, self.count, self.args, ctypes.byref(size)))
            self.workspace_size = size.value
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for memory in self.buffers:
            self.runtime.free(memory)
        self.buffers = []

    def launch(self, workspace, stream=None):
        """Enqueues the call."""
        self.runtime._check(self.runtime.lib.hipfuse_rt_function_launch(
            self.function, stream, workspace,
            ctypes.c_uint64(self.workspace_size), self.count, self.args,
            self.out_count, self.outs))

    def results(self):
        """What the last launch left, which has ended."""
        for array, memory in self.outputs:
            self.runtime.copy_from(memory, array)
        return [array for array, _ in self.outputs]

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
