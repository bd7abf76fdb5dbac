"""Amazon's settlement flat files, V2 and V1, of any marketplace, as statements and lines.

`reader.py` walks the rows, `cells.py` reads amounts and times in all the ways Amazon writes them, `charset.py` finds
out how the bytes are encoded. Source: amazon.md section 5 and the real files described there.
"""

from adapters.amazon.flat_file.reader import ReportReading, read_report

__all__ = ["ReportReading", "read_report"]
