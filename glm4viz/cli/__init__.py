"""The command line, thin over the library: one file a command.

Exit status: 0; 1 for findings, such as a record that can't be read or labelled; 2 for wrong usage.
"""

import typer

from glm4viz.cli.check import check
from glm4viz.cli.compare import compare_file
from glm4viz.cli.convert import convert
from glm4viz.cli.label import label
from glm4viz.cli.loss import loss
from glm4viz.cli.recipes import list_recipes

app = typer.Typer(add_completion=False, no_args_is_help=True, help="See, token by token, what a GLM-4 fine-tune will and won't be taught.")
app.command()(label)
app.command("compare")(compare_file)
app.command()(check)
app.command()(convert)
app.command()(loss)
app.command("recipes")(list_recipes)


def main() -> None:
    app()
