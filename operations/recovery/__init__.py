"""`recover`: put right what an engine that died has left.

`command` is the order of the steps; `leftovers` are locks and processes, `pending` operations that
the engine had begun, `unrecorded` objects that no state has. Nothing here creates or deletes an
object in the cluster.
"""
