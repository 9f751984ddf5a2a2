"""Files -> tensors, a module a modality. Knows no models.

A data set is an object with an `info`, a length, `lengths` (for batching like with like, or None) and
`batch(indices, epoch)`, which returns tensors under fixed keys: image float32 (n, c, h, w) in [-1, 1], waveform
float32 (n, t) in [-1, 1], ids and targets int64 (n, t), voices int64 (n, t, 4), label int64 (n,).
"""
