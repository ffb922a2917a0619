"""`bank preview NAME`: an item, text or writing task as a candidate sees it, in both written standards, with its key.

Stands here because it sees both the bank and the kiosk; all other `bank` commands are `itembank.commands`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from itembank.bank import Bank, read_bank
from itembank.commands import BANKS
from itembank.commands import main as other_commands
from itembank.content import ChoiceGap, HotWord, ItemContent, Option
from itembank.errors import BankFaultsError
from itembank.rendering import (
    StandardMissingError,
    item_content,
    picture_name,
    stimulus_content,
    task_content,
)
from itembank.schema import WRITTEN_STANDARDS, ItemFile, KeyModel, TaskFile
from kiosk.screens import (
    Frame,
    Language,
    ListeningScreen,
    ListeningStep,
    ReadingScreen,
    Screen,
    Settings,
    StripTask,
    TaskTab,
    Theme,
    WritingScreen,
)

FOLDER = Path("var/preview")
SIZE = (1366, 768)
LANGUAGES: Mapping[str, Language] = {"nb": "nb", "nn": "nn"}
THEMES: Mapping[str, Theme] = {"light": "light", "dark": "dark", "contrast": "contrast"}
VOLUME = 7
ONCE = "B2"


def bank(argv: Sequence[str] | None = None) -> int:
    """All `bank` commands: `preview` here, the others in `itembank.commands`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["preview"]:
        return main(arguments[1:])
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(
            "bank preview NAME      see an item, text or task as a candidate does, with its key (--help tells more)\n"
        )
    return other_commands(arguments)


def main(argv: Sequence[str]) -> int:
    """Draw one item or task; 1 when no bank has it, or a bank's files cannot be read."""
    given = _parser().parse_args(argv)
    name: str = given.item
    try:
        found = _find(name, [given.bank] if given.bank else sorted(path.parent for path in BANKS.glob("*/bank.json")))
    except BankFaultsError as error:
        print(error, file=sys.stderr)
        return 1
    if found is None:
        print(
            f"No bank has an item, text or task '{name}'. Name one of the folders under items, stimuli or tasks.",
            file=sys.stderr,
        )
        return 1
    names = _items_of(found, name)
    if not names:
        print(f"No item asks about '{name}' yet, so there is nothing to show. Name it in an item.", file=sys.stderr)
        return 1
    settings = {
        standard: Settings(language=LANGUAGES[standard], text_size=given.text_size, theme=THEMES[given.theme])
        for standard in WRITTEN_STANDARDS
    }
    try:
        screens = {file: screen for each in names for file, screen in _screens(found, each, settings)}
    except (StandardMissingError, ValueError, KeyError) as error:
        print(f"'{name}' cannot be shown: {error}. Run 'bank check' and mend what it tells.", file=sys.stderr)
        return 1
    for line in (line for each in names for line in _facts(found, each)):
        print(line)
    from kiosk.preview import save_pictures, show_in_window

    if given.window:
        show_in_window(screens[f"{names[0]}-{given.standard}"], SIZE)
        return 0
    folder: Path = given.out
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {folder / f"{file}.png": screen for file, screen in screens.items()}
    save_pictures(pictures, SIZE)
    for path in pictures:
        print(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bank preview",
        description="Show an item or writing task as a candidate sees it, in both written standards, with its key.",
    )
    parser.add_argument("item", metavar="NAME", help="an item, a writing task, or a text with all items about it")
    parser.add_argument("--bank", type=Path, metavar="FOLDER", help="the bank's folder (default: all under banks)")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help=f"pictures go here ({FOLDER})")
    parser.add_argument("--window", action="store_true", help="show it in the exam's window and draw no pictures")
    parser.add_argument("--standard", choices=WRITTEN_STANDARDS, default="nb", help="which one the window shows")
    parser.add_argument("--text-size", type=int, choices=(100, 125, 150, 175, 200, 250), default=100)
    parser.add_argument("--theme", choices=tuple(THEMES), default="light")
    return parser


def _find(name: str, folders: Sequence[Path]) -> Bank | None:
    for folder in folders:
        found = read_bank(folder)
        if name in found.items or name in found.tasks or name in found.stimuli:
            return found
    return None


def _items_of(found: Bank, name: str) -> tuple[str, ...]:
    """What is drawn for a name: itself, or for a text every item that asks about it."""
    if name not in found.stimuli:
        return (name,)
    return tuple(item.id for item in found.items.values() if item.stimulus == name)


def _screens(found: Bank, name: str, settings: Mapping[str, Settings]) -> Iterator[tuple[str, Screen]]:
    """Each picture's name and screen: as first seen, and for an item also with the key chosen."""
    for standard in WRITTEN_STANDARDS:
        if name in found.tasks:
            yield f"{name}-{standard}", _task_screen(found, found.tasks[name], standard, settings[standard])
        else:
            item = found.items[name]
            for suffix, response in (("", None), ("-key", _right(item.key))):
                screen = _item_screen(found, item, standard, response, settings[standard])
                yield f"{name}-{standard}{suffix}", screen


def _item_screen(
    found: Bank, item: ItemFile, standard: str, response: tuple[str, ...] | None, settings: Settings
) -> Screen:
    content = item_content(item, standard, found.pictures)
    stimulus = stimulus_content(found.stimuli[item.stimulus], standard, found.pictures) if item.stimulus else None
    pictures = [
        content.picture,
        *(option.picture for option in content.options),
        stimulus.picture if stimulus else None,
    ]
    media = _media(found, [picture.media for picture in pictures if picture is not None])
    frame = Frame(part_title=_title(found, item.part, standard), task_number=1, candidate=item.id)
    # the window keeps what stands in a field while the attempt is the same, so every picture is one of its own
    attempt = f"preview {standard} {response}"
    if item.timing is None:
        strip = (StripTask(item.id, 1, is_answered=response is not None),)
        return ReadingScreen(
            settings=settings,
            frame=frame,
            attempt=attempt,
            strip=strip,
            item=content,
            response=response,
            stimulus=stimulus,
            has_previous=False,
            media=media,
        )
    plays = 1 if item.level == ONCE else 2
    return ListeningScreen(
        settings=settings,
        frame=frame,
        attempt=attempt,
        now="read" if response is None else "answer",
        steps=_steps(plays, is_over=response is not None),
        plays=plays,
        plays_done=0 if response is None else plays,
        is_playing=False,
        item=content,
        volume=VOLUME,
        response=response,
        stimulus=stimulus,
        media=media,
    )


def _steps(plays: int, *, is_over: bool) -> tuple[ListeningStep, ...]:
    done = float(is_over)
    heard = (ListeningStep("only", 2, done),) if plays == 1 else tuple(_twice(done))
    read = ListeningStep("read", 1, done, is_present=not is_over)
    return (read, *heard, ListeningStep("answer", 1, 0.0, is_present=is_over))


def _twice(done: float) -> Iterator[ListeningStep]:
    yield ListeningStep("first", 2, done)
    yield ListeningStep("second", 2, done)


def _task_screen(found: Bank, task: TaskFile, standard: str, settings: Settings) -> Screen:
    content = task_content(task, standard, found.pictures)
    shown = [content.picture.media] if content.picture is not None else []
    return WritingScreen(
        settings=settings,
        frame=Frame(part_title=_title(found, "writing", standard), task_number=1, candidate=task.id),
        attempt=f"preview {standard}",
        tabs=(TaskTab(task.id, 1, 0, is_empty=True),),
        task=content,
        slot="preview",
        media=_media(found, shown),
    )


def _media(found: Bank, shown: Sequence[str]) -> Mapping[str, bytes]:
    paths = {picture_name(each): found.picture_path(each) for each in found.pictures}
    return {name: paths[name].read_bytes() for name in shown}


def _title(found: Bank, part: str, standard: str) -> str:
    rules = (rules for programme in found.programmes.values() for rules in programme.parts if rules.part == part)
    return next((each.titles[standard] for each in rules), part)


def _right(key: KeyModel) -> tuple[str, ...]:
    """A response that scores all points."""
    match key.kind:
        case "choice":
            return key.correct
        case "gaps":
            return tuple(key.correct.values())
        case "text":
            return tuple(gap.accepted[0] for gap in key.gaps.values())


def _facts(found: Bank, name: str) -> Iterator[str]:
    """What an author wants beside the pictures: level, key in words, parameters, script."""
    if name in found.tasks:
        task = found.tasks[name]
        yield f"{name}: writing task, {task.level}, difficulty {task.difficulty}, {task.topic}, {task.status}"
        return
    item = found.items[name]
    yield f"{name}: {item.part}, {item.type}, {item.level}, {item.skill}, {item.topic}, {item.status}"
    if item.parameters is not None:
        yield f"  parameters: a {item.parameters.a:g}, b {item.parameters.b:g} ({item.parameters.source})"
    for standard in WRITTEN_STANDARDS:
        yield f"  key {standard}: {_key_in_words(item, item_content(item, standard, found.pictures))}"
        words = item.nb if standard == "nb" else item.nn
        for line in words.script if words is not None else ():
            yield f"  {standard} {line.voice}: {line.text}"


def _key_in_words(item: ItemFile, content: ItemContent) -> str:
    key = item.key
    if key.kind == "text":
        return "; ".join(f"{gap} = {' / '.join(each.accepted)}" for gap, each in key.gaps.items())
    if key.kind == "choice":
        shown = {option.id: _named(option) for option in content.options}
        shown |= {piece.id: piece.text for piece in content.pieces if isinstance(piece, HotWord)}
        return "; ".join(f"{option}: {shown[option]}" for option in key.correct)
    lists = {piece.id: piece.options for piece in content.pieces if isinstance(piece, ChoiceGap)}
    named = {(gap, option.id): _named(option) for gap, options in lists.items() for option in options}
    return "; ".join(f"{gap} = {option}: {named[gap, option]}" for gap, option in key.correct.items())


def _named(option: Option) -> str:
    return option.picture.alternative if option.picture is not None else option.text
