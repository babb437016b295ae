"""What an edit of the inventory does, for its reviewer and for the guard.

Two plans are compared (`steps`, `effects`), described (`description`), and judged: `approval` says
which edits need one. The text of the file is changed elsewhere, in `operations.editing`.
"""
