"""Settlement flat files, V2 and V1, of any marketplace and in any of the dialects Amazon writes them in.

Columns are found by name; numbers, dates and charset are recognised, never configured. What cannot be read for sure
is told with its line and column and never guessed: the stated total then proves the reading (amazon.md section 5).
"""

from adapters.amazon.settlement_report.reader import SettlementReport, read_report

__all__ = ["SettlementReport", "read_report"]
