"""What a training config leaves to be said of a result: what it sets and isn't followed, what it misspells, what was chosen against it."""

from collections.abc import Iterator

from glm4viz.configs.notes import TrainingConfig
from glm4viz.linter.findings import Finding, Hit, Rule
from glm4viz.linter.rules.training_config import NOT_FOLLOWED, REMARK
from glm4viz.recipe import MaxLength
from glm4viz.texts import Text, both


def config_findings(found: TrainingConfig, recipe_id: str, max_length: MaxLength) -> list[Finding]:
    """Of a result that was got with this recipe and limit; warnings first."""
    return [rule.finding(Hit(seen=seen), None) for rule, seen in _seen(found, recipe_id, max_length)]


def _seen(found: TrainingConfig, recipe_id: str, max_length: MaxLength) -> Iterator[tuple[Rule, Text]]:
    if recipe_id != found.recipe_id:
        yield (
            NOT_FOLLOWED,
            both(
                f"the config comes to the recipe {found.recipe_id}, but {recipe_id} was chosen",
                f"配置对应的配方是 {found.recipe_id}，但选择了 {recipe_id}",
            ),
        )
        return  # its keys are about another recipe
    if max_length != found.max_length:
        yield (
            NOT_FOLLOWED,
            both(
                f"the config's limit is {_limit(found.max_length, 'en')}, but {_limit(max_length, 'en')} was chosen",
                f"配置的上限是 {_limit(found.max_length, 'zh')}，但选择了 {_limit(max_length, 'zh')}",
            ),
        )
    for rule, decisions in ((NOT_FOLLOWED, found.not_honoured), (REMARK, found.unknown)):
        for key, value, why in decisions:
            yield rule, both(f"{key}: {value} ({why['en']})", f"{key}: {value}（{why['zh']}）")
    for warning in found.warnings:
        yield REMARK, both(warning["en"].rstrip("."), warning["zh"].rstrip("。"))


def _limit(max_length: MaxLength, language: str) -> str:
    if max_length is None:
        return "none" if language == "en" else "无"
    return ",".join(map(str, max_length)) if isinstance(max_length, tuple) else str(max_length)
