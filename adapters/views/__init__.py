"""The read models: folded from the log in batches, answered in SQL.

`schema.py` says what they hold, `fold.py` how an event changes it, `words.py` how it reads in the audit trail,
`views.py` how batches are written, rebuilt and raced for, `queries.py` what can be asked.
"""

from adapters.views.views import DatabaseViews, views_as_of

__all__ = ["DatabaseViews", "views_as_of"]
