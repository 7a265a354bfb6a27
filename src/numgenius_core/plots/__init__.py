"""Pictures of the library's values, drawn with matplotlib (extra ``plot``)."""
