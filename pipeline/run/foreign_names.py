"""What users of TRL, LLaMA-Factory and axolotl call our settings, and what of theirs has no
counterpart here.
"""

from __future__ import annotations

_EPOCHS = "sft.epochs dpo.epochs reward.epochs"
_RATES = "sft.learning_rate dpo.learning_rate reward.learning_rate"
_OWN = "each method has its own"
_WARMUP, _DECAY, _CLIP = (
    " ".join(f"{method}.optimiser.{name}" for method in ("sft", "dpo", "reward", "rlhf"))
    for name in ("warmup", "weight_decay", "gradient_clip_norm")
)
_BATCH = "sft.global_batch_size dpo.global_batch_size reward.global_batch_size"
_PER_STEP = (
    "rows of a step over all ranks; trainer.micro_batch_tokens says how many tokens a rank holds "
    "at once"
)
_RANK = "model.adapter.rank reward.adapter.rank"
_ALPHA = "model.adapter.alpha reward.adapter.alpha"
_TARGETS = "model.adapter.target_modules reward.adapter.target_modules"
_KIND = "model.adapter.kind reward.adapter.kind"
_NEW_TOKENS = "sample.generation.max_new_tokens eval.generation.max_new_tokens"
_TEMPERATURE = "sample.generation.temperature eval.generation.temperature"

FOREIGN: dict[str, tuple[str, ...]] = {
    # The model
    "model_name_or_path": ("model.base.path",),
    "model_name": ("model.base.path",),
    "model_path": ("model.base.path",),
    "base_model": ("model.base.path",),
    "pretrained_model_name_or_path": ("model.base.path",),
    "model_revision": ("model.base.revision",),
    "torch_dtype": ("model.base.dtype",),
    "template": ("model.base.chat_template",),
    "chat_template": ("model.base.chat_template",),
    "chat_template_path": ("model.base.chat_template",),
    "chat_template_jinja": ("model.base.chat_template",),
    "trust_remote_code": ("model.base.trust_remote_code",),
    "max_length": ("model.max_length",),
    "max_seq_length": ("model.max_length",),
    "max_seq_len": ("model.max_length",),
    "cutoff_len": ("model.max_length",),
    "sequence_len": ("model.max_length",),
    "model_max_length": ("model.max_length",),
    "block_size": ("model.max_length",),
    # LoRA
    "r": (_RANK,),
    "lora_r": (_RANK,),
    "lora_rank": (_RANK,),
    "lora_alpha": (_ALPHA,),
    "lora_target": (_TARGETS,),
    "lora_target_modules": (_TARGETS,),
    "lora_target_linear": (_TARGETS, "all-linear is the default"),
    "target_modules": (_TARGETS,),
    "finetuning_type": (_KIND,),
    "use_peft": (_KIND, "lora is the default, full trains every weight"),
    # Training
    "num_train_epochs": (_EPOCHS,),
    "num_epochs": (_EPOCHS,),
    "n_epochs": (_EPOCHS,),
    "lr": (_RATES,),
    "learning_rate": (_RATES,),
    "batch_size": (_BATCH, _PER_STEP),
    "train_batch_size": (_BATCH, _PER_STEP),
    "per_device_train_batch_size": (f"{_BATCH} trainer.micro_batch_tokens", _PER_STEP),
    "per_gpu_train_batch_size": (f"{_BATCH} trainer.micro_batch_tokens", _PER_STEP),
    "micro_batch_size": (
        "trainer.micro_batch_tokens",
        "tokens instead of rows, so that long rows need no smaller setting",
    ),
    "warmup": (_WARMUP, _OWN),
    "warmup_ratio": (_WARMUP, "a share of all steps"),
    "warmup_steps": (_WARMUP, "a share of all steps, not their number"),
    "max_grad_norm": (_CLIP,),
    "gradient_clipping": (_CLIP,),
    "gradient_clip_norm": (_CLIP, _OWN),
    "adam_weight_decay": (_DECAY,),
    "weight_decay": (_DECAY, _OWN),
    "bf16": ("trainer.precision", "bf16-mixed; model.base.dtype is that of the weights"),
    "fp16": ("trainer.precision", "16-mixed; model.base.dtype is that of the weights"),
    "mixed_precision": ("trainer.precision",),
    "deepspeed": (
        "trainer.strategy",
        "deepspeed, with trainer.zero_stage and trainer.offload; there is no JSON file",
    ),
    "deepspeed_config": (
        "trainer.strategy",
        "deepspeed, with trainer.zero_stage and trainer.offload; there is no JSON file",
    ),
    "zero_optimization": ("trainer.zero_stage",),
    "use_gradient_checkpointing": ("trainer.gradient_checkpointing",),
    "torch_compile": ("trainer.compile_layers",),
    "activation_checkpointing": ("trainer.gradient_checkpointing",),
    "num_processes": ("trainer.devices",),
    "nproc_per_node": ("trainer.devices",),
    "n_gpus": ("trainer.devices",),
    "num_gpus": ("trainer.devices",),
    "gpus": ("trainer.devices",),
    "nnodes": ("trainer.num_nodes",),
    "num_machines": ("trainer.num_nodes",),
    "device": ("trainer.accelerator trainer.devices",),
    "use_cpu": ("trainer.accelerator", "cpu"),
    "save_steps": ("trainer.checkpoint_every_steps",),
    # DPO
    "pref_beta": ("dpo.beta",),
    "dpo_beta": ("dpo.beta",),
    "rl_beta": ("dpo.beta",),
    "pref_loss": ("dpo.loss",),
    "loss_type": ("dpo.loss",),
    "rl": ("dpo.loss",),
    "pref_ftx": ("dpo.sft_weight",),
    "rpo_alpha": ("dpo.sft_weight",),
    "label_smoothing_factor": ("dpo.label_smoothing",),
    "dpo_label_smoothing": ("dpo.label_smoothing",),
    "num_iterations": ("dpo.rounds",),
    # Data
    "dataset": ("data.sources",),
    "datasets": ("data.sources",),
    "dataset_name": ("data.sources",),
    "dataset_path": ("data.sources.path",),
    "dataset_dir": ("data.sources.path",),
    "data_path": ("data.sources.path",),
    "train_file": ("data.sources.path",),
    "train_data": ("data.sources",),
    "test_datasets": ("eval.suites",),
    "eval_dataset": ("eval.suites",),
    "dataset_text_field": ("data.sources.completion_field data.sources.prompt_field",),
    "field_instruction": ("data.sources.prompt_field",),
    "field_output": ("data.sources.completion_field",),
    "val_size": ("data.split.val",),
    "val_set_size": ("data.split.val",),
    "validation_split": ("data.split.val",),
    "test_size": ("data.split.test",),
    "test_split": ("data.split.test",),
    "max_samples": ("data.sources.limit data.split.train_limit",),
    "max_train_samples": ("data.split.train_limit",),
    "max_eval_samples": ("data.split.test_limit eval.prompts_per_suite",),
    # Generation
    "max_new_tokens": (_NEW_TOKENS,),
    "max_tokens": (_NEW_TOKENS,),
    "max_completion_length": (_NEW_TOKENS,),
    "do_sample": (_TEMPERATURE, "0 is greedy"),
    "num_generations": ("rlhf.num_generations sample.harmful_samples",),
    "num_return_sequences": ("sample.harmful_samples",),
    "eval_batch_size": ("eval.generation.batch_size",),
    "per_device_eval_batch_size": ("eval.generation.batch_size",),
    "use_vllm": ("sample.engine eval.engine", "vllm"),
    "infer_backend": ("sample.engine eval.engine",),
    "vllm_gpu_memory_utilization": ("model.vllm.memory",),
    "gpu_memory_utilization": ("model.vllm.memory",),
    # The run and its records
    "output_dir": ("run_dir",),
    "run_name": ("run_dir", "its last part names the run"),
    "random_seed": ("seed",),
    "data_seed": ("seed", "one seed for everything"),
    "report_to": ("wandb.mode", "online, offline or disabled; metrics.jsonl is always written"),
    "wandb_project": ("wandb.project",),
    "wandb_entity": ("wandb.entity",),
    "wandb_mode": ("wandb.mode",),
    "wandb_name": ("run_dir", "its last part names the run"),
    "reward_model": ("score.reward_models", "further ones; the run trains its own"),
    "reward_model_path": ("score.reward_models", "further ones; the run trains its own"),
}
"""Their name: our settings, apart by spaces, and where it needs one a remark."""

_BY_ITSELF = "the fastest way that the architecture allows is chosen, and the log says which"
_SFT_IS_REFERENCE = "DPO starts from the SFT policy, which is its reference"
_NO_QUANTISED = (
    "bases are not trained in a quantised form; set model.base.dtype=bfloat16, or shard with "
    "trainer.zero_stage"
)
_COMMANDS = "what to do is the command, as in `primum sft CONFIG`"
_RESUMES = (
    "the same command goes on from where a run was cut off, and moves earlier results to previous/"
)
_MEASURED = (
    "the scoreboard is measured after every epoch; dpo.candidates_per_epoch measures more often"
)
_UPLOADS = "no stage uploads anything; `primum push RUN REPO` uploads a release"
_LOGS = "every step is logged in metrics.jsonl"
_SCHEDULE = "the learning rate rises over sft.optimiser.warmup and the like, and falls as a cosine"

# A reason rather than "no such setting", which would send the user to look for a typing error.
NOT_HERE: dict[str, str] = {
    "gradient_accumulation_steps": (
        "micro-batches are cut by trainer.micro_batch_tokens until a step has its "
        "global_batch_size rows"
    ),
    "lora_dropout": "LoRA has none, so that policy and reference are the same network",
    "lora_bias": "LoRA trains no biases",
    "use_dora": "LoRA is the only adapter",
    "use_rslora": "LoRA is the only adapter; set model.adapter.alpha for another scale",
    "modules_to_save": (
        "LoRA trains its own layers only; model.adapter.kind=full trains every weight"
    ),
    "lora_modules_to_save": (
        "LoRA trains its own layers only; model.adapter.kind=full trains every weight"
    ),
    "additional_target": (
        "LoRA trains its own layers only; model.adapter.kind=full trains every weight"
    ),
    "load_in_4bit": _NO_QUANTISED,
    "load_in_8bit": _NO_QUANTISED,
    "quantization_bit": _NO_QUANTISED,
    "quantization_method": _NO_QUANTISED,
    "bnb_4bit_quant_type": _NO_QUANTISED,
    "adapter_name_or_path": (
        "a run starts from a whole model; merge the adapter first (`primum check` shows how)"
    ),
    "lora_model_dir": (
        "a run starts from a whole model; merge the adapter first (`primum check` shows how)"
    ),
    "tokenizer_name": "the tokenizer is the one in model.base.path",
    "tokenizer_name_or_path": "the tokenizer is the one in model.base.path",
    "tokenizer_type": "the tokenizer is the one in model.base.path",
    "model_type": "config.json in model.base.path says it",
    "special_tokens": "they are those of the tokenizer in model.base.path",
    "pad_token": "it is that of the tokenizer in model.base.path",
    "ref_model": _SFT_IS_REFERENCE,
    "reference_model": _SFT_IS_REFERENCE,
    "ref_model_name_or_path": _SFT_IS_REFERENCE,
    "precompute_ref_log_probs": (
        "the reference's log-probabilities are always computed once, and shared between runs"
    ),
    "max_prompt_length": (
        "a prompt that leaves no room in model.max_length is dropped and counted, never cut"
    ),
    "packing": "rows are packed where the architecture allows it, and the log says where not",
    "sample_packing": (
        "rows are packed where the architecture allows it, and the log says where not"
    ),
    "neat_packing": "rows are packed where the architecture allows it, and the log says where not",
    "pad_to_sequence_len": (
        "rows are packed where the architecture allows it, and the log says where not"
    ),
    "group_by_length": "micro-batches are made of rows of like length anyway",
    "train_on_inputs": "the loss is on completions only",
    "train_on_prompt": "the loss is on completions only",
    "completion_only_loss": "the loss is on completions only",
    "assistant_only_loss": "the loss is on completions only",
    "mask_history": "the loss is on completions only",
    "flash_attn": _BY_ITSELF,
    "flash_attention": _BY_ITSELF,
    "attn_implementation": _BY_ITSELF,
    "sdp_attention": _BY_ITSELF,
    "use_liger_kernel": _BY_ITSELF,
    "enable_liger_kernel": _BY_ITSELF,
    "use_unsloth": _BY_ITSELF,
    "tf32": "PyTorch's own settings decide it",
    "optim": "AdamW is the optimiser",
    "optimizer": "AdamW is the optimiser",
    "lr_scheduler": _SCHEDULE,
    "lr_scheduler_type": _SCHEDULE,
    "max_steps": "set the epochs of sft and dpo; data.split.train_limit makes them shorter",
    "logging_steps": _LOGS,
    "logging_dir": _LOGS,
    "plot_loss": "eval/report.html shows the curves",
    "eval_steps": _MEASURED,
    "evals_per_epoch": _MEASURED,
    "eval_strategy": _MEASURED,
    "evaluation_strategy": _MEASURED,
    "save_strategy": (
        "trainer.checkpoint_every_steps says how often, and the epoch kept is the scoreboard's "
        "choice"
    ),
    "save_total_limit": (
        "a stage keeps its newest checkpoints only, and deletes them when it is done"
    ),
    "saves_per_epoch": "trainer.checkpoint_every_steps says how often",
    "load_best_model_at_end": "the epoch kept is the scoreboard's choice",
    "early_stopping_patience": "the epoch kept is the scoreboard's choice",
    "resume_from_checkpoint": _RESUMES,
    "auto_resume_from_checkpoints": _RESUMES,
    "overwrite_output_dir": _RESUMES,
    "overwrite_cache": _RESUMES,
    "stage": _COMMANDS,
    "do_train": _COMMANDS,
    "do_eval": _COMMANDS,
    "do_predict": _COMMANDS,
    "push_to_hub": _UPLOADS,
    "hub_model_id": _UPLOADS,
    "hub_token": "export HF_TOKEN instead; a config holds no secrets",
    "wandb_run_id": "a stage keeps its own, so that it goes on in the same run",
    "dataloader_num_workers": "rows are in memory, no workers are needed",
    "preprocessing_num_workers": "rows are read in one process",
    "dataset_prepared_path": "prep writes its rows into the run directory",
    "ddp_timeout": "ranks wait four hours for each other",
    "fsdp": "weights are sharded by DeepSpeed: trainer.strategy=deepspeed, trainer.zero_stage=3",
    "fsdp_config": (
        "weights are sharded by DeepSpeed: trainer.strategy=deepspeed, trainer.zero_stage=3"
    ),
    "neftune_noise_alpha": "no noise is added to embeddings",
    "top_k": "sampling is set by temperature and top_p",
    "repetition_penalty": "completions are sampled as the policy's own probabilities say",
    "system_prompt": "a system message stands in the rows themselves",
    "default_system": "a system message stands in the rows themselves",
}
"""Their name, and why there is no such setting."""
