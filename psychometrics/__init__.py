"""Measurement: calibrate, score, judge, link, assemble and evaluate. Names are loaded when they are first used.

>>> import psychometrics
>>> psychometrics.ItemParameters("i1", "2pl", a=1.2, b=(0.4,)).d
(-0.48,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psychometrics.cml import ConditionalCalibration, calibrate_conditional
    from psychometrics.data import ColumnRoles, Design, ResponseMatrix, RoutingRule, read_design, read_responses
    from psychometrics.errors import PsychometricsError
    from psychometrics.items import ItemParameters, read_parameters, write_parameters
    from psychometrics.mml import Calibration, NormalPrior, Options, Priors, calibrate
    from psychometrics.scoring import Scores, ScoreTable, inverse_tcc, plausible_values, score, score_tables

_HOMES = {
    "Calibration": "mml",
    "ColumnRoles": "data",
    "ConditionalCalibration": "cml",
    "Design": "data",
    "ItemParameters": "items",
    "NormalPrior": "mml",
    "Options": "mml",
    "Priors": "mml",
    "PsychometricsError": "errors",
    "ResponseMatrix": "data",
    "RoutingRule": "data",
    "ScoreTable": "scoring",
    "Scores": "scoring",
    "calibrate": "mml",
    "calibrate_conditional": "cml",
    "inverse_tcc": "scoring",
    "plausible_values": "scoring",
    "read_design": "data",
    "read_parameters": "items",
    "read_responses": "data",
    "score": "scoring",
    "score_tables": "scoring",
    "write_parameters": "items",
}

__all__ = [
    "Calibration",
    "ColumnRoles",
    "ConditionalCalibration",
    "Design",
    "ItemParameters",
    "NormalPrior",
    "Options",
    "Priors",
    "PsychometricsError",
    "ResponseMatrix",
    "RoutingRule",
    "ScoreTable",
    "Scores",
    "calibrate",
    "calibrate_conditional",
    "inverse_tcc",
    "plausible_values",
    "read_design",
    "read_parameters",
    "read_responses",
    "score",
    "score_tables",
    "write_parameters",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"psychometrics.{_HOMES[name]}"), name)
