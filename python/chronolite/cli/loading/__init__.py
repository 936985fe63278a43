"""What `chronolite import` does, for which pyarrow reads the files.

`job` runs an import from the rest: `stream` (bytes in, decompressed), one reader a format (`csvs`,
`ndjson`, `arrows`), `kinds` (which type a column gets), `times` (the time column), `shape` (a batch
as the table takes it), `record` (going on after an interruption), `twice` (a file that went in
before), `ahead` (reading in other threads).
"""
