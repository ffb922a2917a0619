"""A robot candidate: looks where the controls are, presses real keys and buttons, and knows what its ability says."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from engine.ids import ItemId
from engine.scoring import ChoiceKey, GapsKey, TextKey
from itembank.content import ChoiceGap, HotWord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from engine.panel import ItemRules
    from itembank.content import ContentSet, ItemContent
    from proverom.sample_room import SampleCandidate
    from proverom.virtual import Hands

LOOK_EVERY_S: Final = 0.05
SETTLE_S: Final = 0.12


@dataclass(slots=True)
class Person:
    """Who the robot is: log-in, ability in logits, written standard, and what it writes in each task."""

    candidate: SampleCandidate
    theta: float
    written_standard: str
    scripts: tuple[str, ...]
    random: Random


@dataclass(slots=True)
class Seen:
    """What the robot saw: final states by attempt, editor texts by task number, screens met."""

    states: dict[str, str] = field(default_factory=dict[str, str])
    parts: dict[str, str] = field(default_factory=dict[str, str])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    screens: set[str] = field(default_factory=set[str])


class Robot(threading.Thread):
    """Takes the whole sitting at one seat. Stops at the end screen, or when told."""

    def __init__(
        self,
        person: Person,
        hands: Hands,
        robot_map: Path,
        *,
        day_code: str,
        items: Mapping[ItemId, ItemRules],
        content: ContentSet,
        sound_check_number: str,
    ) -> None:
        super().__init__(name=f"robot-{person.candidate.number}", daemon=True)
        self.person = person
        self.seen = Seen()
        self.is_done = threading.Event()
        self.trouble = ""
        self._hands = hands
        self._map = robot_map
        self._day_code = day_code
        self._items = items
        self._content = content
        self._number = sound_check_number
        self._stopping = threading.Event()
        self._answered: set[tuple[str, str]] = set()
        self._has_turned_volume = False
        self._written: set[tuple[str, int]] = set()
        self._acts: Mapping[str, Callable[[dict[str, Any]], object]] = {
            "LoginScreen": self._log_in,
            "NameScreen": lambda look: self._click(look, "name_yes"),
            "WrittenStandardScreen": self._choose_standard,
            "SoundCheckScreen": self._check_sound,
            "DayCodeScreen": self._type_code,
            "InformationScreen": self._read,
            "ListeningScreen": self._listen,
            "ReadingScreen": self._answer_reading,
            "LeaveModuleScreen": self._leave_module,
            "WritingScreen": self._write,
            "HandInScreen": self._hand_in,
            "DeliveredScreen": lambda look: self._click(look, "continue"),
            "PersonalDataScreen": self._skip_form,
        }

    def run(self) -> None:
        """Look and act until the end."""
        while not self._stopping.is_set():
            look = self.look()
            if look is None:
                time.sleep(LOOK_EVERY_S)
                continue
            self._remember(look)
            screen = str(look["screen"])
            if screen == "EndScreen":
                self.is_done.set()
                return
            act = self._acts.get(screen)
            if act is not None:
                act(look)
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Take the hands off."""
        self._stopping.set()
        self.join(timeout=30)

    def look(self) -> dict[str, Any] | None:
        """Where the controls are now; None while no window is up."""
        try:
            return json.loads(self._map.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _remember(self, look: dict[str, Any]) -> None:
        self.seen.screens.add(str(look["screen"]))
        if look.get("attempt"):
            self.seen.parts[look["attempt"]] = look.get("part", "")
        if look.get("state_sha256"):
            self.seen.states[look["attempt"]] = look["state_sha256"]

    def _click(self, look: dict[str, Any], name: str) -> bool:
        place = look["controls"].get(name)
        if place is None:
            return False
        x, y, width, height = place
        self._hands.click(x + width // 2, y + height // 2)
        time.sleep(SETTLE_S)
        return True

    def _again(self) -> dict[str, Any]:
        """Look again after something was pressed."""
        time.sleep(SETTLE_S)
        return self.look() or {"screen": "", "controls": {}}

    # --- before the start --------------------------------------------------------------------------------------------

    def _log_in(self, look: dict[str, Any]) -> None:
        for name, text in (("user", self.person.candidate.login), ("password", self.person.candidate.password)):
            if not self._click(look, name):
                return
            self._hands.press("ctrl+a", "BackSpace")
            self._hands.type(text)
        self._hands.press("Return")
        self._wait_for_another("LoginScreen", 3.0)

    def _choose_standard(self, look: dict[str, Any]) -> None:
        if self._click(look, f"standard_{self.person.written_standard}"):
            self._click(self._again(), "continue")
            self._wait_for_another("WrittenStandardScreen", 2.0)

    def _check_sound(self, look: dict[str, Any]) -> None:
        if self._click(look, "play"):
            time.sleep(2.0)
            self._click(self._again(), f"number_{self._number}")
            self._click(self._again(), "continue")
            self._wait_for_another("SoundCheckScreen", 2.0)

    def _type_code(self, look: dict[str, Any]) -> None:
        if self._click(look, "day_code"):
            self._hands.press("ctrl+a", "BackSpace")
            self._hands.type(self._day_code)
            self._hands.press("Return")
            self._wait_for_another("DayCodeScreen", 3.0)

    def _read(self, look: dict[str, Any]) -> None:
        if not self._click(look, "start") and not self._click(look, "next_page"):
            self._click(look, "continue")

    def _skip_form(self, look: dict[str, Any]) -> None:
        if not self._click(look, "skip"):
            x, y, width, height = look["controls"]["card_scroll"]
            self._hands.scroll_down(x + width // 2, y + height // 2)
        self._wait_for_another("PersonalDataScreen", 1.0)

    # --- answering ---------------------------------------------------------------------------------------------------

    def _knows(self, item: str) -> bool:
        """Whether this candidate gets the item right: chance, by its ability and the item's parameters."""
        parameters = self._items[ItemId(item)].parameters
        a = float(getattr(parameters, "a", 1.0))
        b = float(getattr(parameters, "b", 0.0))
        return self.person.random.random() < 1 / (1 + math.exp(-a * (self.person.theta - b)))

    def _listen(self, look: dict[str, Any]) -> None:
        item = str(look.get("item", ""))
        if item and (look["attempt"], item) not in self._answered and self._answer(look, item):
            self._answered.add((look["attempt"], item))
            if not self._has_turned_volume:
                self._has_turned_volume = self._click(self._again(), "volume_lower")

    def _answer_reading(self, look: dict[str, Any]) -> None:
        item = str(look.get("item", ""))
        key = (str(look["attempt"]), item)
        if item and key not in self._answered:
            if self._answer(look, item):
                self._answered.add(key)
            return
        self._click(look, "next")
        self._wait_until(lambda now: now.get("item") != item or now["screen"] != "ReadingScreen", 1.5)

    def _answer(self, look: dict[str, Any], item: str) -> bool:
        content, rules = self._content.items[item], self._items[ItemId(item)]
        is_right = self._knows(item)
        if content.type in {"choice", "hottext"}:
            kind = "option" if content.type == "choice" else "word"
            return self._choose(look, kind, _choice(content, rules, is_right=is_right))
        if content.type == "inline_choice":
            return all(
                self._choose_in_gap(gap, option) for gap, option in _gap_choices(content, rules, is_right=is_right)
            )
        return all(self._fill(gap, text) for gap, text in _gap_texts(content, rules, is_right=is_right))

    def _choose(self, look: dict[str, Any], kind: str, options: tuple[str, ...]) -> bool:
        return all(self._click(look, f"{kind}_{option}") for option in options)

    def _choose_in_gap(self, gap: str, option: str) -> bool:
        return self._click(self._again(), f"gap_{gap}") and self._click(self._again(), f"list_{option}")

    def _fill(self, gap: str, text: str) -> bool:
        if not self._click(self._again(), f"gap_{gap}"):
            return False
        self._hands.type(text)
        return True

    def _leave_module(self, look: dict[str, Any]) -> None:
        self._click(look, "dialog_on")
        time.sleep(0.5)  # each step ignores input for 400 ms, so that nobody runs through both

    # --- writing -----------------------------------------------------------------------------------------------------

    def _write(self, look: dict[str, Any]) -> None:
        attempt = str(look["attempt"])
        for number, script in enumerate(self.person.scripts, start=1):
            if (attempt, number) not in self._written:
                self._write_task(attempt, number, script)
                return
        self._click(self._again(), f"tab_{len(self.person.scripts)}")
        self._click(self._again(), "next")
        self._wait_for_another("WritingScreen", 1.5)

    def _write_task(self, attempt: str, number: int, script: str) -> None:
        """Type what is missing of the script, slip once and undo it, and see that the editor shows it all."""
        self._click(self._again(), f"tab_{number}")
        look = self._again()
        if not self._click(look, "editor"):
            return
        self._hands.press("ctrl+End")
        shown = int(self._again().get("editor_length", 0))
        for start in range(shown, len(script), 24):
            if self._stopping.is_set() or self.look() is None:
                return
            self._hands.type(script[start : start + 24])
        if shown == 0:
            self._hands.type(" feeil")
            self._hands.press(*["BackSpace"] * 6)
        self._wait_until(lambda now: int(now.get("editor_length", 0)) == len(script), 3.0)
        digest = hashlib.sha256(script.encode()).hexdigest()
        if self._again().get("editor_sha256") == digest:
            self._written.add((attempt, number))
            self.seen.texts[f"{attempt}/{number}"] = digest
        else:
            self._hands.press("ctrl+a", "BackSpace")

    def _hand_in(self, look: dict[str, Any]) -> None:
        self._click(look, "dialog_on")
        time.sleep(0.5)

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _wait_for_another(self, screen: str, seconds: float) -> None:
        self._wait_until(lambda now: now["screen"] != screen, seconds)

    def _wait_until(self, is_so: Callable[[dict[str, Any]], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.look()
            if now is not None and is_so(now):
                return
            time.sleep(LOOK_EVERY_S)


# --- what to answer -------------------------------------------------------------------------------------------------


def _choice(content: ItemContent, rules: ItemRules, *, is_right: bool) -> tuple[str, ...]:
    key = rules.key
    right = tuple(sorted(key.correct)) if isinstance(key, ChoiceKey) else ()
    if is_right:
        return right
    offered = [option.id for option in content.options]
    offered += [piece.id for piece in content.pieces if isinstance(piece, HotWord)]
    return tuple(option for option in offered if option not in right)[:1]


def _gap_choices(content: ItemContent, rules: ItemRules, *, is_right: bool) -> list[tuple[str, str]]:
    key = rules.key
    right = key.gaps if isinstance(key, GapsKey) else ()
    gaps = [piece for piece in content.pieces if isinstance(piece, ChoiceGap)]
    found: list[tuple[str, str]] = []
    for gap, correct in zip(gaps, right, strict=True):
        wrong = next((option.id for option in gap.options if option.id != correct), correct)
        found.append((gap.id, correct if is_right else wrong))
    return found


def _gap_texts(content: ItemContent, rules: ItemRules, *, is_right: bool) -> list[tuple[str, str]]:
    key = rules.key
    accepted = key.gaps if isinstance(key, TextKey) else ()
    return [(gap, texts[0] if is_right else "vet ikke") for gap, texts in zip(content.gaps, accepted, strict=True)]
