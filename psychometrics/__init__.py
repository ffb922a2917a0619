"""Measurement: calibrate, score, judge, link, assemble and evaluate. Names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psychometrics.data import ColumnRoles, Design, ResponseMatrix, read_design, read_responses
    from psychometrics.errors import PsychometricsError
    from psychometrics.items import ItemParameters, read_parameters, write_parameters

_HOMES = {
    "ColumnRoles": "data",
    "Design": "data",
    "ItemParameters": "items",
    "PsychometricsError": "errors",
    "ResponseMatrix": "data",
    "read_design": "data",
    "read_parameters": "items",
    "read_responses": "data",
    "write_parameters": "items",
}

__all__ = [
    "ColumnRoles",
    "Design",
    "ItemParameters",
    "PsychometricsError",
    "ResponseMatrix",
    "read_design",
    "read_parameters",
    "read_responses",
    "write_parameters",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"psychometrics.{_HOMES[name]}"), name)
