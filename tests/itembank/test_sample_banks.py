"""The two sample banks: as many items as promised, in good order, in both written standards."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from engine.panel import routes
from itembank.bank import Bank, read_bank
from itembank.checks import check_bank, listening_durations
from itembank.errors import ClipMissingError
from itembank.forms import engine_panel
from itembank.markup import plain_text
from itembank.rendering import item_content, page, pages, stimulus_content, task_content

BANKS = Path(__file__).parents[2] / "banks"
BOKMAL_ONLY = {"jeg", "ikke", "hun", "noe", "noen", "hva", "hvem", "hvor", "hvorfor", "hvordan", "fra", "dere", "uke"}
NYNORSK_ONLY = {"eg", "ikkje", "ho", "noko", "nokon", "kva", "kven", "kvifor", "korleis", "frå", "dykk", "veke"}
ROUTING = {"RM1": 7, "RM2": 7, "RM3": 7}
FINAL = {"FM-A1A2": 12, "FM-A2B1": 12, "FM-B1B2": 12}


@cache
def bank(name: str) -> Bank:
    return read_bank(BANKS / name)


def words_of(name: str, standard: str) -> dict[str, str]:
    """All text of a bank in one written standard, by where it stands."""
    whole = bank(name)
    texts: dict[str, str] = {}
    for item in whole.items.values():
        content = item_content(item, standard, whole.pictures)
        lines = [content.prompt, plain_text(content.blocks), *(option.text for option in content.options)]
        words = item.nb if standard == "nb" else item.nn
        assert words is not None
        lines += [line.text for line in words.script]
        lines += [option.text for gap in words.gaps.values() for option in gap.options]
        texts[item.id] = "\n".join(lines)
    for stimulus in whole.stimuli.values():
        content = stimulus_content(stimulus, standard, whole.pictures)
        texts[stimulus.id] = f"{content.title}\n{plain_text(content.blocks)}"
    for task in whole.tasks.values():
        content = task_content(task, standard, whole.pictures)
        texts[task.id] = f"{content.heading}\n{plain_text(content.blocks)}"
    for part, model in whole.texts.information.parts.items():
        texts[f"information {part}"] = "\n".join(plain_text(each.blocks) for each in pages(model, standard))
    for text, model in whole.texts.read_out.texts.items():
        texts[f"read out {text}"] = plain_text(page(model, standard).blocks)
    return texts


def test_no_fault_in_either_bank_but_clips_that_are_not_built() -> None:
    for name in ("norskprove-sample", "jegerprove-sample"):
        assert [str(fault) for fault in check_bank(bank(name)) if not isinstance(fault, ClipMissingError)] == []


@pytest.mark.parametrize("part", ["reading", "listening"])
def test_a_full_panel_has_seven_items_a_routing_module_and_twelve_a_final_one(part: str) -> None:
    modules = bank("norskprove-sample").panels[part].modules
    assert {name: len(module.items) for name, module in modules.items()} == ROUTING | FINAL
    items = [item for module in modules.values() for item in module.items]
    assert len(set(items)) == 57


@pytest.mark.parametrize("part", ["reading", "listening"])
def test_todays_panel_has_two_routing_modules_on_every_route(part: str) -> None:
    panel = bank("norskprove-sample").panels[f"{part}-today"]
    assert [len(panel.modules[name].items) for name in ("RM1", "RM2-A2", "RM2-B1")] == [7, 7, 7]
    leads = {name: {rule.target for rule in rules} for name, rules in panel.routing.items()}
    assert leads == {
        "RM1": {"RM2-A2", "RM2-B1"},
        "RM2-A2": {"FM-A1A2", "FM-A2B1"},
        "RM2-B1": {"FM-A2B1", "FM-B1B2"},
    }


def test_each_writing_set_has_its_number_of_tasks() -> None:
    sets = bank("norskprove-sample").task_sets
    slots = {sets[f"writing-{level}"].level: sets[f"writing-{level}"].slots for level in ("a1-a2", "a2-b1", "b1-b2")}
    assert {level: [len(slot.tasks) for slot in each] for level, each in slots.items()} == {
        "A1-A2": [1, 1, 1],
        "A2-B1": [1, 1, 1],
        "B1-B2": [1, 2],  # the second leaves a choice of topics
    }


def test_every_item_type_and_topic_is_there() -> None:
    items = [item for name, item in bank("norskprove-sample").items.items() if name.startswith("R-")]
    types = Counter(item.type for item in items)
    assert set(types) == {"choice", "inline_choice", "hottext", "text_entry"}
    assert min(types.values()) >= 4
    assert {"bolig", "arbeid", "helse", "skole", "transport", "fritid", "samfunn"} <= {item.topic for item in items}


def test_parameters_say_that_they_are_simulated_and_lie_where_the_level_does() -> None:
    within = {"A1": (-2.0, -1.0), "A2": (-1.0, 0.1), "B1": (0.0, 1.0), "B2": (1.0, 2.2)}
    for item in bank("norskprove-sample").items.values():
        assert item.parameters is not None
        assert item.parameters.source == "simulated"
        assert 0.7 <= item.parameters.a <= 1.6
        low, high = within[item.level]
        assert low <= item.parameters.b <= high, item.id


@pytest.mark.parametrize("name", ["norskprove-sample", "jegerprove-sample"])
def test_no_text_mixes_the_written_standards(name: str) -> None:
    for standard, foreign in (("nb", NYNORSK_ONLY), ("nn", BOKMAL_ONLY)):
        for where, text in words_of(name, standard).items():
            found = foreign & set(re.findall(r"\w+", text.lower()))
            assert not found, (where, standard)


def test_nynorsk_is_written_and_not_copied() -> None:
    """A text of more than a line differs between the standards."""
    nb, nn = words_of("norskprove-sample", "nb"), words_of("norskprove-sample", "nn")
    assert [where for where in nb if len(nb[where].split()) > 20 and nb[where] == nn[where]] == []


def test_no_two_items_ask_the_same() -> None:
    for standard in ("nb", "nn"):
        seen = Counter(
            (item.stimulus, content.prompt, content.blocks, tuple(option.text for option in content.options))
            for item in bank("norskprove-sample").items.values()
            for content in [item_content(item, standard, bank("norskprove-sample").pictures)]
        )
        assert max(seen.values()) == 1


def test_the_writing_page_says_that_all_tasks_must_be_answered_and_whom_to_ask() -> None:
    texts = bank("norskprove-sample").texts
    first = plain_text(pages(texts.information.parts["writing"], "nb")[0].blocks)
    assert "Du må svare på alle oppgavene" in first
    assert "Du kan spørre prøvelederen hvis du ikke forstår en oppgave" in first
    read_out = plain_text(page(texts.read_out.texts["writing"], "nb").blocks)
    assert "Dere må svare på alle oppgavene" in read_out


def test_the_texts_to_read_out_are_those_of_annex_5() -> None:
    texts = bank("norskprove-sample").texts.read_out.texts
    assert set(texts) == {"general", "written", "listening", "reading", "writing"}
    for language in ("nb", "nn", "en"):
        examples = [block for block in page(texts["general"], language).blocks if block.kind == "bullet"]
        assert len(examples) == 5


def test_the_hunters_exam_is_ten_items_with_a_pass_mark() -> None:
    panel = engine_panel(bank("jegerprove-sample"), bank("jegerprove-sample").panels["theory"])
    (route,) = routes(panel)
    assert [len(panel.modules[module].items) for module in route] == [10]
    assert panel.level_table[route] == ("not_passed",) * 8 + ("passed",) * 3


@pytest.mark.timeout(600)
def test_every_route_of_the_full_listening_panel_lasts_25_to_50_minutes(built_sample: Bank) -> None:
    minutes = [row.duration_ms / 60_000 for row in listening_durations(built_sample) if row.panel == "listening"]
    assert len(minutes) == 8
    assert 25 <= min(minutes) <= max(minutes) <= 50
    assert check_bank(built_sample) == ()
