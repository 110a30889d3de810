"""Products of bfloat16 operands, summed in float32, on the matrix tiles (AMX) of newer x86 processors.

Operands come and go in float32; they are rounded while they are laid out for the tiles. Every entry of a product is one
chain of sums over k in steps of 32, whatever the shape around it: the same row times the same column has the same bits
in any batch, on any thread, from `multiply` and from `product`.
"""
