"""An exception at every step: what lands in a thread from outside can land behind any instruction of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import celeriac

PACKAGE = os.path.dirname(celeriac.__file__) + os.sep


class Interrupt(BaseException):
    """What lands, as KeyboardInterrupt does."""


class Step:
    """Raises at one step within files whose path begins so; steps are instructions, or lines."""

    def __init__(
        self, number: int, where: tuple[str, ...], error: type[BaseException] = Interrupt, lines: bool = False
    ):
        self.left = number
        self.place = ""
        self._where = where
        self._error = error
        self._kind = "line" if lines else "opcode"

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self._where):
            return None
        frame.f_trace_opcodes = self._kind == "opcode"
        return self._look

    def _look(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == self._kind:
            self.left -= 1
            if self.left == 0:
                self.place = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                raise self._error
        return self._look


def interrupt(act: Callable[[], Any], step: Step) -> bool:
    """Act, interrupted at that step; whether it was reached. An interrupt that does not come out is an error."""
    before = sys.gettrace()
    sys.settrace(step)
    try:
        act()
    except BaseException as error:
        sys.settrace(before)
        found: BaseException | None = error
        while found is not None and not isinstance(found, step._error):
            found = found.__cause__ or found.__context__
        if found is None:
            raise
    else:
        sys.settrace(before)
        if step.left <= 0:
            raise AssertionError(f"what landed at {step.place} was swallowed")
        return False
    finally:
        sys.settrace(before)
    return True
