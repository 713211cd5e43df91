"""The rest of what the sources state: claims of their tables, figures and text in no study.

Some need only another look at the records of a study, or a small computation.  Others would need
runs that are not made: these are open, each with the reason.
"""
