"""Meanings of settings whose name says most of it, so that their classes do not repeat it below
each field.

By the end of the key; the longest that fits counts.
"""

from __future__ import annotations

PLAIN = {
    "run_dir": "The folder that the run writes: one folder a stage.",
    "seed": "Of everything that is drawn: splits, batches, adapters, samples.",
    "rank": "Of the low-rank update.",
    "alpha": "The update is scaled by alpha / rank.",
    "sources": "Where rows come from, one block a source (docs/data.md).",
    "suites": "Prompts of your own to measure on, beside the run's test split.",
    "tasks": "Sets of questions with options, in files of your own.",
    "name": "What it is called in tables, results and folders.",
    "path": "The file or folder.",
    "kind": "What its prompts ask for.",
    "limit": "At most so many of its rows, at even distances.",
    "sources.limit": "At most so many of its rows, drawn by the seed.",
    "prompt_field": "The column that holds the prompt.",
    "split.val": "Share of the rows that validation gets, near-duplicate groups together.",
    "split.test": "Share of the rows that the test split gets, near-duplicate groups together.",
    "val_limit": "At most so many validation rows of a suite.",
    "batch_size": "Rows at once.",
    "min_rows": "Fewer rows than this fail the lint.",
    "publication.url": "Where the data set can be found, for its card.",
    "top_p": "Sample from the likeliest tokens that together have this probability.",
    "learning_rate": "The optimiser's step size at its highest, after the warm-up.",
    "global_batch_size": "Rows of one optimiser step, over all ranks.",
    "max_pairs_per_prompt": "At most so many pairs of one prompt.",
    "max_train_pairs": "At most so many training pairs; null keeps all.",
    "epochs": "Passes over the training rows.",
    "control.enabled": "Train SFT for as many steps as DPO too, to compare.",
    "mix.harmful": "Share of harmful prompts in a step.",
    "prompts_per_step": "Prompts that one optimiser step samples completions of.",
    "steps": "Optimiser steps.",
    "min_words": "A completion with fewer words is degenerate.",
    "harmful_prompts": "Harmful validation prompts that every epoch is measured on.",
    "prompts_per_suite": "At most so many test prompts of a suite; null takes all.",
    "confidence": "Level of every interval.",
    "accelerator": "What computes: cpu, gpu, or auto, which takes a GPU where there is one.",
    "num_nodes": "Machines of a training; job scripts set it.",
    "wandb.project": "The project on Weights & Biases.",
    "wandb.entity": "The user or team there.",
    "wandb.group": "The group that runs are listed under.",
}


def plain_meaning(key: str) -> str:
    """Empty where nothing is known.

    >>> plain_meaning("sft.epochs")
    'Passes over the training rows.'
    """
    parts = [part for part in key.split(".") if part != "*"]
    ends = (".".join(parts[place:]) for place in range(len(parts)))
    return next((PLAIN[end] for end in ends if end in PLAIN), "")
