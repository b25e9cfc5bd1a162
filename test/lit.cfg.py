"""Configuration of the lit suite."""

import os

import lit.formats
from lit.llvm import llvm_config

config.name = "Hipfuse"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "golden"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.hipfuse_obj_root, "test")

# FileCheck variables that do not start with $ end at the next CHECK-LABEL.
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --allow-unused-prefixes=false"

llvm_config.with_system_environment(["HOME", "TMPDIR", "LD_LIBRARY_PATH"])
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.hipfuse_tools_dir, append_path=True)
llvm_config.use_default_substitutions()

config.substitutions.append(("%hipfuse_src", config.hipfuse_src_root))
config.substitutions.append(("%hipfuse_obj", config.hipfuse_obj_root))
config.substitutions.append(("%golden", config.python_executable + " "
                             + os.path.join(config.test_source_root, "golden")))
config.substitutions.append(("%cxx", config.cxx))
config.substitutions.append(("%cc", config.cc))
config.substitutions.append(("%python", config.python_executable))
