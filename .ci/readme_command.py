"""Prints the n-th command of the README's first code block, so that CI runs what newcomers read."""

import pathlib
import re
import sys

text = pathlib.Path("README.md").read_text(encoding="utf-8")
block = re.search(r"```(?:bash|sh|console)\n(.*?)```", text, flags=re.DOTALL)
if block is None:
    sys.exit("README.md has no shell block")
commands = [
    line.split("  #")[0].strip()
    for line in block[1].splitlines()
    if line.strip() and not line.startswith("#")
]
sys.stdout.write(commands[int(sys.argv[1]) - 1] + "\n")
