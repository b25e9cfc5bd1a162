"""Configuration of the lit suite."""

import os
import re
import subprocess

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
config.substitutions.append(("%lit", config.lit))


def find_devices():
    """Features `hip-device` and `cuda-device` where such a device answers, as
    the runtime finds it; a note says why not. The parameter require-devices
    makes a missing one an error."""
    tool = os.path.join(config.hipfuse_tools_dir, "hipfuse-run")
    try:
        listing = subprocess.run([tool, "--list-devices"], capture_output=True,
                                 text=True, timeout=120)
        lines = (listing.stdout + listing.stderr).splitlines()
    except (OSError, subprocess.TimeoutExpired) as error:
        lines = [f"hipfuse-run cannot list devices: {error}"]
    required = [kind for kind in
                lit_config.params.get("require-devices", "").split(",") if kind]
    for kind in required:
        if kind not in ("hip", "cuda"):
            lit_config.fatal(f"require-devices: unknown kind '{kind}'; "
                             "known: hip, cuda")
    for kind in ("hip", "cuda"):
        feature = kind + "-device"
        found = [line for line in lines
                 if line.startswith((kind + ":", kind + " "))]
        if found:
            config.available_features.add(feature)
            # "hip:0: AMD Instinct MI355X, gfx950:sramecc+:xnack-, ..."
            chip = re.search(r"\b(gfx\w+|sm_\d+)", found[0])
            if chip:
                config.substitutions.append((f"%{kind}_target", chip[1]))
            continue
        reason = next((line for line in lines if f"no {kind} device" in line),
                      "; ".join(lines) or "hipfuse-run lists nothing")
        if kind in required:
            lit_config.fatal(f"{feature} is required: {reason}")
        lit_config.note(f"{feature} is off: {reason}")


find_devices()
