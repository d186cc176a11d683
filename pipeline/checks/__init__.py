"""What would make a run fail, found before a stage works: one subject a file, put together by
`preflight`.
"""
