"""Chat templates of many models, and conversations to write with them."""

from __future__ import annotations

from pathlib import Path

from models.tokens import TokenRow
from records.rows import Message

SHAPES = Path(__file__).resolve().parents[1] / "unit" / "models" / "chat_shapes"


# Name: (end of turn, EOS of the tokenizer). The tokenizer's EOS is another token in half of them,
# as it is with the models they imitate.
ENDS = {
    "chatml": ("<|im_end|>", "<|endoftext|>"),
    "chatml_default_system": ("<|im_end|>", "<|im_end|>"),
    "llama2": ("</s>", "</s>"),
    "llama3_early": ("<|eot_id|>", "<|end_of_text|>"),
    "llama3_2": ("<|eot_id|>", "<|eot_id|>"),
    "mistral_without_system": ("</s>", "</s>"),
    "mistral_with_system": ("</s>", "</s>"),
    "gemma2": ("<end_of_turn>", "<eos>"),
    "gemma4": ("<turn|>", "<eos>"),
    "phi3": ("<|end|>", "<|endoftext|>"),
    "qwen3": ("<|im_end|>", "<|im_end|>"),
    "command_r": ("<|END_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    "tools": ("<|im_end|>", "<|im_end|>"),
    "zephyr": ("</s>", "</s>"),
}
OWN_TOKENS = (
    "<s>", "</s>", "<bos>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|begin_of_text|>",
    "<|im_start|>", "<|im_end|>", "<|eot_id|>",
    "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<|turn>",
    "<turn|>", "<|end|>", "<|user|>",
    "<|assistant|>", "<|system|>", "<|User|>", "<|Assistant|>", "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>",
    "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>",
)  # fmt: skip


QUESTION: Message = {"role": "user", "content": "What is asthma?"}
OTHER: Message = {"role": "user", "content": "And sepsis?"}
ANSWER: Message = {"role": "assistant", "content": "It narrows the airways."}
NEXT: Message = {"role": "assistant", "content": "An emergency."}


def turns(row: TokenRow, end: int) -> list[list[int]]:
    """What the loss covers, cut after each end token; the turns of some templates adjoin."""
    found: list[list[int]] = [[]]
    for token, learned in zip(row.input_ids, row.completion_mask, strict=True):
        if learned:
            found[-1].append(token)
            if token == end:
                found.append([])
    return found if found[-1] else found[:-1]
