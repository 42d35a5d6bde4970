"""What is written in a format is read back as it was."""

import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.forms import RECORD_FORMATS, as_format, as_messages, read
from tests.strategies import texts

# ---- there and back


ROUNDS = st.lists(st.tuples(texts, texts), min_size=1, max_size=4)
CELLS = texts.map(lambda text: text.replace("\0", ""))  # a file with a zero byte in it isn't taken for text


@settings(max_examples=60, deadline=None)
@given(rounds=ROUNDS, system=texts, ascii_only=st.booleans())
def test_each_format_gives_back_what_was_put_in(rounds: list[tuple[str, str]], system: str, ascii_only: bool) -> None:
    for name in RECORD_FORMATS:
        (one,), bad = read(json.dumps(as_format(name, rounds, system), ensure_ascii=ascii_only).encode(), name)
        assert not bad
        assert one.messages == as_messages(rounds, system)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, ROUNDS), min_size=1, max_size=4), delimiter=st.sampled_from(",\t;"))
def test_csv_gives_back_what_was_put_in(rows: list[tuple[str, str, list[tuple[str, str]]]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["history", "prompt", "response", "id"])
    writer.writerows([json.dumps(history), prompt, response, 7] for prompt, response, history in rows)
    good, bad = read(out.getvalue().encode())
    assert not bad
    assert [one.messages for one in good] == [as_messages([*history, (prompt, response)], "") for prompt, response, history in rows]
