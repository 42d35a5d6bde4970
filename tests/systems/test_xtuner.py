"""XTuner: what the golden arrays don't show."""

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import SeveralSamples
from tests.conftest import CONVERSATIONS
from tests.systems.messages import assistant, rendered, system, trained_text, user

TOK = glm4viz.load_tokenizer()


def test_turns_of_xtuner() -> None:
    messages = [
        *(assistant("dropped"), system("first"), system("S"), user("a"), user("b"), assistant("c")),
        *(assistant("d"), user("dropped")),
    ]
    s = glm4viz.label(messages, "xtuner")
    again = "[gMASK]<sop><|user|>\n<|assistant|>\nd<|endoftext|>\n"
    assert rendered(s) == f"[gMASK]<sop><|system|>\nS<|user|>\nab<|assistant|>\nc<|endoftext|>\n{again}"
    assert trained_text(s) == "c<|endoftext|>‖d<|endoftext|>"
    assert sorted(set(s.message_index.tolist())) == [-1, 2, 3, 5, 6]  # b begins in the middle of the token ab
    assert set(s.owner.tolist()) == {-1, 5, 6}
    stops = s.parts == "stop"
    assert s.message_index[stops].tolist() == s.owner[stops].tolist() == [5, 6]


def test_xtuner_reads_loss_as_a_truth_value_or_its_name() -> None:
    answers = [assistant("0", loss="False"), assistant("1", loss="TRUE"), assistant("2", loss=None), assistant("3", loss=True)]
    messages = [message for answer in answers for message in (user("?"), answer)]
    assert trained_text(glm4viz.label(messages, "xtuner")) == "1<|endoftext|>‖3<|endoftext|>"
    assert trained_text(glm4viz.label(messages, "xtuner-internlm2")) == "1<|im_end|>‖3<|im_end|>"


def test_xtuner_knows_its_special_tokens_in_texts() -> None:
    messages = [user("<|user|></s>"), assistant("<|im_end|><|observation|>")]
    chatglm3, internlm2 = (glm4viz.label(messages, recipe) for recipe in ("xtuner", "xtuner-internlm2"))
    ids, names = TOK.special_ids, TOK.named_ids
    assert chatglm3.input_ids.tolist().count(ids["<|user|>"]) == 2
    assert names["</s>"] not in chatglm3.input_ids
    assert names["</s>"] in internlm2.input_ids
    assert internlm2.input_ids.tolist().count(names["<|im_end|>"]) == 3
    assert not set(ids.values()) & set(internlm2.input_ids.tolist())
    inner = internlm2.input_ids.tolist().index(names["</s>"])
    assert (internlm2.parts[inner], internlm2.spans[inner].tolist()) == ("content", [8, 12])


THREE = CONVERSATIONS["open-mixed-three-turns"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_split_makes_one_sample_of_every_answer(name: str) -> None:
    messages = CONVERSATIONS[name]
    answers = [m for m, message in enumerate(messages) if message["role"] == "assistant"]
    whole, samples = glm4viz.label(messages), glm4viz.label_all(messages, "xtuner-split")
    assert len(samples) == len(answers)
    for m, s in zip(answers, samples, strict=True):
        upto = glm4viz.label(messages[: m + 1])
        assert s.input_ids.tolist() == upto.input_ids.tolist()
        assert s.labels.tolist() == np.where(upto.owner == m, upto.labels, -100).tolist()
        assert set(s.owner[s.trained]) == ({m} if messages[m]["content"] else set())
        assert s.message_index.max() <= m
        if messages[m]["content"]:
            assert (s.labels[-1], s.parts[-1]) == (TOK.special_ids["<|endoftext|>"], "stop")
        assert s.spans[s.message_index == m].tolist() == whole.spans[whole.message_index == m].tolist()
    if len(samples) > 1:
        with pytest.raises(SeveralSamples, match=str(len(samples))):
            glm4viz.label(messages, "xtuner-split")
    batch = glm4viz.label_batch([messages], "xtuner-split")
    assert batch.source.tolist() == [0] * len(samples)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_last_turn_is_glm4_with_only_the_last_answer_trained(name: str) -> None:
    messages = CONVERSATIONS[name]
    last = max(m for m, message in enumerate(messages) if message["role"] == "assistant")
    whole, s = glm4viz.label(messages), glm4viz.label(messages, "xtuner-last-turn")
    assert s.input_ids.tolist() == whole.input_ids.tolist()
    assert s.labels.tolist() == np.where(whole.owner == last, whole.labels, -100).tolist()


def test_every_split_sample_is_cut() -> None:
    assert [len(s) for s in glm4viz.label_all(THREE, "xtuner-split", max_length=30)] == [30, 30, 30]
