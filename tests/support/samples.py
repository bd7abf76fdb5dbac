"""Where the vendors' models and samples are; tests that need them skip, saying so, where they are not."""

import os
from pathlib import Path

import pytest


def shared_folder() -> Path:
    """ML_CONNECTOR_SHARED, else the folder `shared` beside the project."""
    folder = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[3] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the vendors' models and samples are not at {folder}; set ML_CONNECTOR_SHARED")
    return folder


def models_folder() -> Path | None:
    """Amazon's own models, where they are at hand."""
    folder = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[3] / "shared")) / "amazon-models"
    return folder if folder.is_dir() else None
