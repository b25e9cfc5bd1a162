# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attentions of one step of DeepSeek-V4-Pro: 61 layers, 31 over a cache
compressed by 128 and 30 by 4. Each layer makes its slots; the indexer lists as
many entries as there are, up to 1024, so their number follows from the
positions alone. `layers=`, `heads=`, `window=`, `chosen=` and `all=` make it
smaller."""

import sys

SIZES = {"layers": 61, "heads": 128, "window": 128, "chosen": 1024, "all": 8192}
SIZES.update((name, int(value)) for name, value in
             (argument.split("=") for argument in sys.argv[1:]))
LAYERS, HEADS, WINDOW, CHOSEN, ALL = SIZES.values()

T = "tensor<?x%sxi32>"
N = "tensor<?xi32>"
Q = f"tensor<?x{HEADS}x512xbf16>"
SINK = f"tensor<{HEADS}xf32>"


def slots(name, columns, text):
    return (f"  %{name}:2 = {text} block_table(%table : tensor<?x?xi32>) "
            f"outs(%s{columns}, %n : {T % columns}, {N})")


def window(name, columns, ratio, page):
    return slots(name, columns, f"lm.swa_slots {{window = {columns}, "
                 f"page_size = {page}, compress_ratio = {ratio}}} "
                 f"ins(%positions : {N})")


print("func.func @step(%positions: tensor<?xi32>, "
      "%table: tensor<?x?xi32>, %window: tensor<?x37440xi8>, "
      "%by4: tensor<?x37440xi8>, %by128: tensor<?x1728xi8>, "
      f"%sink: {SINK}, %q0: {Q}, " +
      ", ".join(f"%index{i}: {T % CHOSEN}" for i in range(LAYERS)) +
      f") -> {Q} {{")
print("  %c0 = arith.constant 0 : index")
print(f"  %tokens = tensor.dim %positions, %c0 : {N}")
print(f"  %out = tensor.empty(%tokens) : {Q}")
for columns in sorted({WINDOW, CHOSEN, ALL}):
    print(f"  %s{columns} = tensor.empty(%tokens) : {T % columns}")
print(f"  %n = tensor.empty(%tokens) : {N}")
for i in range(LAYERS):
    by4 = i >= 2 and i % 2 == 0
    columns = CHOSEN if by4 else ALL
    cache, kind, page = (("by4", "tensor<?x37440xi8>", 64) if by4 else
                         ("by128", "tensor<?x1728xi8>", 2))
    print(window(f"w{i}", WINDOW, 1, 64))
    print(window(f"e{i}", columns, 4 if by4 else 128, page))
    listed = f"%e{i}#0"
    if by4:
        print(slots(f"t{i}", CHOSEN, f"lm.topk_slots {{page_size = 64}} "
                    f"ins(%index{i} : {T % CHOSEN})"))
        listed = f"%t{i}#0"
    print(f"  %q{i + 1} = lm.sparse_mla_decode ds_mla_584 {{page_size = 64, "
          f"extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = "
          f"{page}, sm_scale = 0.0441941738 : f32}} "
          f"ins(%q{i} : {Q}) "
          f"cache(%window : tensor<?x37440xi8>) slots(%w{i}#0 : {T % WINDOW}) "
          f"lengths(%w{i}#1 : {N}) extra_cache(%{cache} : {kind}) "
          f"extra_slots({listed} : {T % columns}) "
          f"extra_lengths(%e{i}#1 : {N}) sink(%sink : {SINK}) "
          f"outs(%out : {Q})")
print(f"  return %q{LAYERS} : {Q}\n}}")
