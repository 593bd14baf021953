"""What the demo prints: numbered steps, a bar while something works, a table at the end."""

import shutil
import sys
import time

BAR_CELLS = 25
NAME_COLUMNS = 46


class Screen:
    """Colour and redrawn lines on a terminal, plain lines anywhere else."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.is_tty = self.out.isatty()
        self.started = time.monotonic()
        self.steps = 0
        self.open_bar = None
        self.differences = 0

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.is_tty else text

    def bold(self, text):
        return self._paint("1", text)

    def dim(self, text):
        return self._paint("2", text)

    def green(self, text):
        return self._paint("32", text)

    def red(self, text):
        return self._paint("31;1", text)

    def line(self, text=""):
        self._clear_bar()
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.line()
        self.line(f"  {self.bold(text)}")
        self.line()

    def step(self, text, note=""):
        """One chapter of the story, with the seconds since the start."""
        self.steps += 1
        seconds = f"{time.monotonic() - self.started:5.1f} s"
        self.line(f"  {self.dim(seconds)}  {self.bold(str(self.steps))}  {text}"
                  + (f"  {self.dim(note)}" if note else ""))

    def note(self, text):
        self.line(f"              {self.dim(text)}")

    def bar(self, text, done, total):
        """Redrawn in place on a terminal; elsewhere a line for each quarter."""
        filled = BAR_CELLS * done // max(total, 1)
        picture = f"{'█' * filled}{'░' * (BAR_CELLS - filled)}  {done}/{total}  {text}"
        if self.is_tty:
            width = shutil.get_terminal_size().columns
            print(f"\r\033[K              {picture}"[:width + 10], end="", file=self.out, flush=True)
            self.open_bar = picture
            return
        quarter = (text, 4 * done // max(total, 1))
        if quarter != self.open_bar:
            self.open_bar = quarter
            print(f"              {picture}", file=self.out, flush=True)

    def _clear_bar(self):
        if self.open_bar is not None and self.is_tty:
            print("\r\033[K", end="", file=self.out)
        self.open_bar = None

    def table(self, rows):
        """rows: (what, expected, seen). Counts what differs."""
        width = max(NAME_COLUMNS, *(len(what) for what, _, _ in rows))
        wide = max(len("expected"), *(len(str(expected)) for _, expected, _ in rows))
        self.line()
        self.line(f"     {self.dim(' ' * (width + 2) + 'expected'.ljust(wide + 2) + 'seen')}")
        for what, expected, seen in rows:
            same = expected == seen
            self.differences += not same
            mark = self.green("✔") if same else self.red("✘")
            text = str(seen) if same else self.red(str(seen))
            self.line(f"  {mark}  {what:{width}}  {expected!s:{wide}}  {text}")
        self.line()
