"""GLM-4's process_batch as a plain loop over lists: slow, and right at a glance. The fast engine is tested against it."""

import json
from typing import Any

from glm4viz.tokenizer import Tokenizer

PERSONA = "你是一个名为 GhatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。"


def render(message: dict[str, Any], tok: Tokenizer) -> list[int]:
    """One message by the Python tokenizer of June 2024, without the prefix."""
    ids: list[int] = []
    if message["role"] == "system" and message.get("tools"):
        text = PERSONA + "\n\n# 可用工具"
        for tool in message["tools"]:
            function = json.loads(json.dumps(tool["function"]))
            properties = function["parameters"]["properties"]
            function["parameters"]["properties"] = {key: value for key, value in properties.items() if value is not None}
            text += f"\n\n## {function['name']}\n\n{json.dumps(function, ensure_ascii=False, indent=4)}"
            text += "\n在调用上述函数时，请使用 Json 格式表示调用的参数。"
        ids += [tok.special_ids["<|system|>"], *tok.encode("\n"), *tok.encode(text)]
    if message["content"]:
        header = f"{message.get('metadata', '')}\n"
        ids += [tok.special_ids[f"<|{message['role']}|>"], *tok.encode(header), *tok.encode(message["content"])]
    return ids


def process_batch(conversation: list[dict[str, Any]], tok: Tokenizer, max_length: int | None) -> tuple[list[int], list[int]]:
    """input_ids and labels."""
    input_ids, loss_masks = [tok.special_ids["[gMASK]"], tok.special_ids["<sop>"]], [False, False]
    for message in conversation:
        loss_mask = message["role"] not in ("system", "user", "observation")
        new_input_ids = render(message, tok)
        input_ids += new_input_ids
        loss_masks += [loss_mask] * len(new_input_ids)
    input_ids.append(tok.special_ids["<|endoftext|>"])
    loss_masks = [False, *loss_masks]
    labels = [i if trained else -100 for i, trained in zip(input_ids, loss_masks, strict=True)]
    return input_ids[:max_length], labels[:max_length]
