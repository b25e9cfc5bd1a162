# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attentions of one step of DeepSeek-V4-Pro: 61 layers, 31 over a cache
compressed by 128 and 30 by 4. Each layer makes its slots; the indexer lists as
many entries as there are, up to 1024, so their number follows from the
positions alone."""

T = "tensor<?x%sxi32>"
N = "tensor<?xi32>"
LAYERS, CHOSEN, ALL = 61, 1024, 8192


def slots(name, columns, text):
    return (f"  %{name}:2 = {text} block_table(%table : tensor<?x?xi32>) "
            f"outs(%s{columns}, %n : {T % columns}, {N})")


def window(name, columns, ratio, page):
    return slots(name, columns, f"lm.swa_slots {{window = {columns}, "
                 f"page_size = {page}, compress_ratio = {ratio}}} "
                 f"ins(%positions : {N})")


print("func.func @step(%tokens: index, %positions: tensor<?xi32>, "
      "%table: tensor<?x?xi32>, %window: tensor<?x37440xi8>, "
      "%by4: tensor<?x37440xi8>, %by128: tensor<?x1728xi8>, "
      "%sink: tensor<128xf32>, %q0: tensor<?x128x512xbf16>, " +
      ", ".join(f"%index{i}: {T % CHOSEN}" for i in range(LAYERS)) +
      ") -> tensor<?x128x512xbf16> {")
for columns in (128, CHOSEN, ALL):
    print(f"  %s{columns} = tensor.empty(%tokens) : {T % columns}")
print(f"  %n = tensor.empty(%tokens) : {N}")
for i in range(LAYERS):
    by4 = i >= 2 and i % 2 == 0
    columns = CHOSEN if by4 else ALL
    cache, kind, page = (("by4", "tensor<?x37440xi8>", 64) if by4 else
                         ("by128", "tensor<?x1728xi8>", 2))
    print(window(f"w{i}", 128, 1, 64))
    print(window(f"e{i}", columns, 4 if by4 else 128, page))
    listed = f"%e{i}#0"
    if by4:
        print(slots(f"t{i}", CHOSEN, f"lm.topk_slots {{page_size = 64}} "
                    f"ins(%index{i} : {T % CHOSEN})"))
        listed = f"%t{i}#0"
    print(f"  %q{i + 1} = lm.sparse_mla_decode ds_mla_584 {{page_size = 64, "
          f"extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = "
          f"{page}, sm_scale = 0.0441941738 : f32}} "
          f"ins(%q{i} : tensor<?x128x512xbf16>) "
          f"cache(%window : tensor<?x37440xi8>) slots(%w{i}#0 : {T % 128}) "
          f"lengths(%w{i}#1 : {N}) extra_cache(%{cache} : {kind}) "
          f"extra_slots({listed} : {T % columns}) "
          f"extra_lengths(%e{i}#1 : {N}) sink(%sink : tensor<128xf32>) "
          f"outs(%q{i} : tensor<?x128x512xbf16>)")
print(f"  return %q{LAYERS} : tensor<?x128x512xbf16>\n}}")
