"""Text in two languages: {"en": …, "zh": …}, written beside what it is about."""

Text = dict[str, str]
