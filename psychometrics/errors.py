"""What can go wrong when test data become measurements: one family, each class builds its own sentence."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_FAULTS = 20
SHOWN_NAMES = 12


class PsychometricsError(Exception):
    """Base of every error that this package raises on purpose."""


class CallError(PsychometricsError):
    """The caller asked for something that does not exist or does not fit together."""


class DataError(PsychometricsError):
    """The data are wrong, or cannot carry what is asked of them."""


class SurroundingsError(PsychometricsError):
    """A file, a library or the machine failed us."""


class MalformedRowsError(DataError):
    """Rows of a file that cannot be read; one sentence each."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        shown = list(self.sentences[:SHOWN_FAULTS])
        if len(self.sentences) > SHOWN_FAULTS:
            shown.append(f"And {len(self.sentences) - SHOWN_FAULTS} more faults of the same kind.")
        super().__init__("\n".join(shown))


class UnreadableFileError(SurroundingsError):
    """A file that is not there, cannot be opened or is not of the promised kind."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"File {file} cannot be read: {why}. Check the path and that the file is complete.")


class BankFaultError(SurroundingsError):
    """What the item bank says of itself, passed on."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class UnknownColumnError(CallError):
    """A column named by the caller is not in the file."""

    def __init__(self, file: str, column: str, present: Sequence[str]) -> None:
        names = ", ".join(present[:SHOWN_NAMES]) + (", …" if len(present) > SHOWN_NAMES else "")
        super().__init__(f"{file} has no column '{column}'; it has {names}. Correct the name.")


class UnknownModelError(CallError):
    """A model name that this package does not know."""

    def __init__(self, model: str, known: Sequence[str]) -> None:
        super().__init__(f"Model '{model}' is not known. Choose one of {', '.join(known)}.")


class ShapeError(CallError):
    """Two things that must have the same length or shape do not."""

    def __init__(self, what: str, found: object, expected: object) -> None:
        super().__init__(f"Wrong {what}: found {found}, expected {expected}. Give arrays that belong together.")


class DesignError(DataError):
    """A multistage design that contradicts itself or the responses."""


class ItemInTwoModulesError(DesignError):
    """An item listed under two modules."""

    def __init__(self, source: str, item: str, first: str, second: str) -> None:
        super().__init__(f"{source}: item '{item}' is in modules '{first}' and '{second}'. Keep it in one.")


class UnknownModuleError(DesignError):
    """Routing to or from a module without items."""

    def __init__(self, source: str, module: str) -> None:
        super().__init__(f"{source}: routing names module '{module}', which has no items. Add them.")


class IntervalError(DesignError):
    """Number-correct intervals that cross or run backwards."""

    def __init__(self, source: str, module: str, score: int, ways: Sequence[str]) -> None:
        super().__init__(
            f"{source}: after module '{module}' a number correct of {score} does not lead to one module but to "
            f"{' and '.join(ways) or 'none'}. Make the intervals disjoint, low before high."
        )


class CircularRoutingError(DesignError):
    """Routing that never ends or never begins."""

    def __init__(self, source: str, module: str) -> None:
        super().__init__(f"{source}: routing goes in a circle through module '{module}'. Break the circle.")


class EmptyDesignError(DesignError):
    """A design file without items."""

    def __init__(self, source: str) -> None:
        super().__init__(f"{source} has no item rows. Begin it with the line item,module.")


class DoubleColumnError(DataError):
    """Two columns of one name."""

    def __init__(self, file: str, column: str) -> None:
        super().__init__(f"{file}, line 1: column '{column}' occurs twice. Rename one of them.")


class NoResponsesError(DataError):
    """A response file without persons or without items."""

    def __init__(self, source: str, n_persons: int, n_items: int) -> None:
        super().__init__(f"{source} holds {n_persons} persons and {n_items} items. Give at least one of each.")


class DoubleItemError(CallError):
    """Two rows of parameters for one item."""

    def __init__(self, item: str) -> None:
        super().__init__(f"Item '{item}' occurs twice among the parameters. Keep one row per item.")


class ParameterFileError(DataError):
    """A parameter file whose content makes no item."""

    def __init__(self, file: str, line: int, column: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}, line {line}, column '{column}': {problem}. {remedy}.")


class PanelShapeError(CallError):
    """Modules, routes and items of a panel that do not fit together."""

    def __init__(self, route: Sequence[str], problem: str) -> None:
        super().__init__(f"Route {'-'.join(route)} {problem}. Correct the panel's routing table or its modules.")


class LinkingError(DataError):
    """Two calibrations that cannot be brought to one scale."""


class TooFewCommonItemsError(LinkingError):
    """A line needs two points."""

    def __init__(self, found: int) -> None:
        super().__init__(f"The calibrations share {found} items; two are needed. Give files with common item ids.")


class CategoriesDifferError(LinkingError):
    """A common item that was scored in two ways."""

    def __init__(self, item: str) -> None:
        super().__init__(f"Item {item} has other categories in the base calibration. Calibrate both alike.")


class NoDifficultiesError(LinkingError):
    """Moment methods on items that have no difficulty."""

    def __init__(self, item: str) -> None:
        super().__init__(f"Item {item} is nominal and has no difficulty. Use haebara or stocking-lord.")


class NoSpreadError(LinkingError):
    """Common items that are all equally hard."""

    def __init__(self) -> None:
        super().__init__("The common items are all equally hard, so their spread says nothing. Use mean-mean.")


class FitError(DataError):
    """A fit statistic that these data cannot carry."""


class IncompleteResponsesError(FitError):
    """Missing cells that the statistic cannot take."""

    def __init__(self, statistic: str, remedy: str) -> None:
        super().__init__(f"{statistic} cannot be computed: responses are missing. {remedy}.")


class RoutingByTotalError(FitError):
    """A design whose routing looks at earlier modules too."""

    def __init__(self, statistic: str) -> None:
        super().__init__(f"{statistic} cannot follow a design that routes by the total score. Test module by module.")


class NoFreedomError(FitError):
    """As many parameters as there are moments."""

    def __init__(self, moments: int, parameters: int) -> None:
        super().__init__(f"M2 has {moments} moments for {parameters} parameters: nothing to test. Give more items.")


class DifError(DataError):
    """A comparison of groups that these data cannot carry."""


class GroupsError(DifError):
    """Not two groups to compare."""

    def __init__(self, where: str, found: Sequence[str], focal: str) -> None:
        shown = ", ".join(found[:8]) or "none"
        super().__init__(
            f"{where} has the groups {shown}; focal group '{focal}' and one more are needed. "
            "Name the group column and the focal group."
        )


class AssemblyError(DataError):
    """A pool or a specification from which no panel can be built."""


class UnknownItemError(AssemblyError):
    """An item id that a file names and another does not know."""

    def __init__(self, where: str, item: str) -> None:
        super().__init__(f"{where} names item '{item}', which has no parameters. Add them or take it out.")


class NoPanelError(AssemblyError):
    """The integer programme has no solution."""

    def __init__(self, narrowest: Sequence[str]) -> None:
        listed = "; ".join(narrowest)
        super().__init__(f"No panel keeps all demands. Loosen one of these, or add such items to the pool: {listed}.")


class NoTimeError(AssemblyError):
    """The solver stopped before it had any panel."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No panel was found within {seconds:g} s. Allow more time or loosen the demands.")


class SpecificationError(AssemblyError):
    """A specification file that does not say what is wanted."""

    def __init__(self, file: str, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}, field '{field}': {problem}. {remedy}.")


class NotCalibratedError(DataError):
    """A panel with a scored item that has no parameters."""

    def __init__(self, panel: str, item: str) -> None:
        super().__init__(f"Item '{item}' of panel {panel} has no parameters. Calibrate it, or give a parameter file.")


class RoutingGraphError(CallError):
    """Modules that lead to one another in a circle."""

    def __init__(self, modules: Sequence[str]) -> None:
        super().__init__(f"The modules {', '.join(modules)} lead to one another in a circle. Let each lead further on.")


class CutOrderError(CallError):
    """Cut scores that do not divide the scale into the levels."""

    def __init__(self, levels: Sequence[str], cuts: Sequence[float]) -> None:
        given = ", ".join(f"{cut:g}" for cut in cuts)
        super().__init__(f"Cut scores {given} do not part {len(levels)} levels. Give {len(levels) - 1}, rising.")


class UnreachableLevelError(DataError):
    """Levels that no answer pattern of a panel would earn."""

    def __init__(self, levels: Sequence[str], span: tuple[float, float], cuts: Sequence[float]) -> None:
        given = ", ".join(f"{cut:g}" for cut in cuts)
        super().__init__(
            f"No answer pattern earns {', '.join(levels)}: reported thetas go from {span[0]:.2f} to {span[1]:.2f}, "
            f"cut scores are {given}. Add easier or harder items, or lengthen the outer modules."
        )


def named(names: Sequence[str]) -> str:
    """Some names for a sentence: at most twelve, then how many more."""
    shown = ", ".join(names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"


class NoVarianceError(DataError):
    """Items that everyone answered alike, or nobody answered."""

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(
            f"Items without variance: everyone who answered got the same score on {named(items)}, so nothing can be "
            "estimated. Leave them out (--ignore) or fix their parameters (--anchors)."
        )


class TooFewResponsesError(DataError):
    """Items with hardly any response."""

    def __init__(self, items: Sequence[str], fewest: int) -> None:
        super().__init__(
            f"Fewer than {fewest} responses to {named(items)}. Collect more, leave the items out (--ignore) or fix "
            "their parameters (--anchors)."
        )


class DisconnectedError(DataError):
    """Parts of a design that nobody and no anchor joins."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        listed = "; ".join(f"part {k}: {named(part)}" for k, part in enumerate(parts[:4], start=1))
        super().__init__(
            f"The design falls into {len(parts)} parts without a common item or person, so their scales cannot be "
            f"compared ({listed}). Add common items, fix anchors in each part, or calibrate the parts one by one."
        )


class ModelFitsNotError(DataError):
    """A model for two categories on an item with more."""

    def __init__(self, item: str, model: str, categories: int) -> None:
        super().__init__(
            f"Item '{item}' has {categories} categories, but model {model} is for two. "
            "Choose gpcm, pcm, graded or nominal for it."
        )


class TooManyCategoriesError(DataError):
    """A column that looks like no item."""

    def __init__(self, item: str, categories: int, most: int) -> None:
        super().__init__(
            f"Column '{item}' has {categories} different codes, more than {most}; it looks like no item. "
            "Leave it out (--ignore), or name it as weights, groups or background variable."
        )


class AnchorMismatchError(DataError):
    """An anchor whose categories are not those of the responses."""

    def __init__(self, item: str, in_anchor: int, in_data: int) -> None:
        super().__init__(
            f"Anchor '{item}' has highest score {in_anchor}, but the responses go up to {in_data}. "
            "Correct the scoring or the anchor file."
        )


class NoAnchorsError(DataError):
    """Anchors of which none is in the data."""

    def __init__(self) -> None:
        super().__init__("No item of the anchor file is among the responses. Check the item ids in both files.")


class MissingModelError(CallError):
    """An item for which no model was named."""

    def __init__(self, item: str) -> None:
        super().__init__(f"No model is named for item '{item}'. Name one for each item, or one model for all.")


class EstimationError(PsychometricsError):
    """The likelihood has no proper maximum, or it was not reached."""


class NoMaximumError(EstimationError):
    """A climb that stopped before the top."""

    def __init__(self, norm: float, sweeps: int, items: Sequence[str]) -> None:
        where = f" The steepest parameters belong to {named(items)}." if items else ""
        super().__init__(
            f"The maximum was not reached after {sweeps} sweeps: the gradient still has length {norm:.3g}.{where} "
            "Look at those items' category counts, simplify their model, or give a prior."
        )


class SingularInformationError(EstimationError):
    """Parameters that the data cannot tell apart."""

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(
            f"The observed information is not positive definite, so there are no standard errors; parameters of "
            f"{named(items)} cannot be told apart. Simplify the model or give a prior."
        )


class BlockMissingError(DataError):
    """Whole blocks missing and no design, for conditional likelihood."""

    def __init__(self, n_patterns: int) -> None:
        super().__init__(
            f"Whole blocks of items are missing in {n_patterns} different patterns and no design is given. If answers "
            "decided who got which block, conditional likelihood that ignores it is biased. Give --design (with the "
            "routing table, or item,module rows alone if the booklets were handed out without looking at answers)."
        )


class RouteMismatchError(DesignError):
    """A person whose responses fit no route of the design."""

    def __init__(self, source: str, row: int, why: str) -> None:
        super().__init__(f"{source}, person number {row}: {why}. Correct the design or leave the person out.")


class ConditionalModelError(CallError):
    """A model without sufficient sum score."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"Conditional likelihood needs the sum score to be sufficient, which it is not for model {model}. "
            "Choose rasch or pcm, or leave out --cml."
        )


class CutErrorsError(CallError):
    """Standard errors that do not belong to the cut scores."""

    def __init__(self, errors: int, cuts: int) -> None:
        super().__init__(f"There are {errors} standard errors for {cuts} cut scores. Give one, not negative, for each.")


class DisagreementError(DataError):
    """Simulation and exact evaluation tell different things about one panel."""

    def __init__(self, simulated: float, exact: float, error: float) -> None:
        super().__init__(
            f"Simulation places {simulated:.4f} rightly, exact evaluation {exact:.4f} (standard error {error:.4f}). "
            "One of them does not run this panel; report it with the panel file."
        )


class ParameterMismatchError(DataError):
    """A score that the item's parameters do not provide for."""

    def __init__(self, item: str, highest: int, found: int) -> None:
        super().__init__(
            f"Item '{item}': the responses have score {found}, but its parameters end at {highest}. "
            "Correct the scoring, or calibrate again."
        )


class NoCommonItemsError(DataError):
    """Responses and parameters that have nothing to do with each other."""

    def __init__(self, responses: str, params: str) -> None:
        super().__init__(f"No column of {responses} is an item of {params}. Give the parameters of these items.")


class NoCutsError(DataError):
    """A panel whose levels cannot be set."""

    def __init__(self, panel: str) -> None:
        super().__init__(f"{panel} has no cut scores. Give --cuts and --prior.")


class NoSpreadOfAbilityError(EstimationError):
    """A group whose estimated standard deviation goes to zero."""

    def __init__(self, group: str) -> None:
        super().__init__(
            f"The responses of group '{group}' show no spread of ability at all: its standard deviation goes to 0. "
            "Check the scoring keys of its items, or join it with another group."
        )


class NoParametersError(DataError):
    """A column of responses without item parameters."""

    def __init__(self, item: str) -> None:
        super().__init__(
            f"Item '{item}' has no parameters. Calibrate it first, or leave the column out (--ignore) if it is no item."
        )


class FrequencyError(DataError):
    """Weights that do not count persons."""

    def __init__(self, source: str) -> None:
        super().__init__(f"{source}: weights are not whole numbers of persons. Give frequencies, or a row a person.")


class RunawaySlopeError(EstimationError):
    """Slopes that grow without bound."""

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(
            f"The slope of {named(items)} grows without bound: the item separates these persons perfectly, or there "
            "are too few of them for this model. Choose a simpler model, leave it out, or give a prior (--slope-prior)."
        )


class NotForBankError(CallError):
    """An item that a panel could not route by."""

    def __init__(self, item: str, model: str) -> None:
        super().__init__(f"Item '{item}' is {model}; panels take rasch, 2pl and 3pl. Leave it out, or calibrate it so.")
